// `lapwing test promql FILE...`: runs test scripts.
#ifndef CLI_TEST_H
#define CLI_TEST_H

// argv[0] is the kind of test. Returns the exit status: 0 all passed, 1 not, 2 wrong usage.
int cli_test(int argc, char **argv);

#endif
