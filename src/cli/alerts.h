// `lapwing alerts ...`: asks a running Lapwing about its alerts.
#ifndef CLI_ALERTS_H
#define CLI_ALERTS_H

// argv[0] is the subcommand. Returns the exit status: 0, 1 when it failed, 2 for wrong usage.
int cli_alerts(int argc, char **argv);

#endif
