// `lapwing check config|rules|alertmanager|web-config [--enable-feature=NAME,...] FILE...`: validates without
// starting.
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

// argv[0] is the kind of file. Returns the exit status: 0 all valid, 1 not, 2 wrong usage.
int cli_check(int argc, char **argv);

#endif
