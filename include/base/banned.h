// Functions that have no safe use here, poisoned for every C file by the build (-include).
//
// Instead: buf_printf() or snprintf() for sprintf, struct str for the str* copies, str_to_i64() and
// float_parse() for the ato* family, str_next() for strtok, localtime_r() for localtime.
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol atof gets
#pragma GCC poison localtime gmtime asctime ctime

#endif
