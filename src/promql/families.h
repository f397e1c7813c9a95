// The C functions behind the table in functions.c, by the file they are in.
#ifndef PROMQL_FAMILIES_H
#define PROMQL_FAMILIES_H

#include "functions.h"

// functions_math.c
double math_degrees(double value);
double math_radians(double value);
double math_sign(double value);
function_map_steps_fn math_clamp;
function_map_steps_fn math_clamp_max;
function_map_steps_fn math_clamp_min;
function_map_steps_fn math_round;
function_custom_fn math_pi;
function_custom_fn math_max_of;
function_custom_fn math_min_of;

// functions_time.c
double time_day_of_month(double seconds);
double time_day_of_week(double seconds);
double time_day_of_year(double seconds);
double time_days_in_month(double seconds);
double time_hour(double seconds);
double time_minute(double seconds);
double time_month(double seconds);
double time_year(double seconds);
function_custom_fn time_time;
function_custom_fn time_timestamp;
function_custom_fn time_start_timestamp;
function_custom_fn time_start;
function_custom_fn time_end;
function_custom_fn time_range;
function_custom_fn time_step;

// functions_rate.c
function_range_fn range_rate;
function_range_fn range_increase;
function_range_fn range_delta;
function_row_fn row_rate;
function_row_fn row_increase;
function_row_fn row_delta;
function_range_fn range_irate;
function_range_fn range_idelta;
function_range_fn range_changes;
function_range_fn range_resets;

// functions_trend.c
function_range_fn range_deriv;
function_range_fn range_predict_linear;
function_range_fn range_double_exponential_smoothing;

// functions_over_time.c
function_range_fn range_avg;
function_range_fn range_count;
function_range_fn range_first;
function_range_fn range_last;
function_range_fn range_mad;
function_range_fn range_max;
function_range_fn range_min;
function_range_fn range_present;
function_range_fn range_quantile;
function_range_fn range_stddev;
function_range_fn range_stdvar;
function_range_fn range_sum;
function_range_fn range_ts_of_first;
function_range_fn range_ts_of_last;
function_range_fn range_ts_of_max;
function_range_fn range_ts_of_min;

// functions_absent.c
function_custom_fn absent_absent;
function_custom_fn absent_over_time;

// functions_histogram.c
function_custom_fn histogram_none; // what acts on native histograms gives nothing for floats
function_custom_fn histogram_quantile;
function_custom_fn histogram_quantiles;
function_custom_fn histogram_fraction;

// functions_label.c
function_custom_fn label_join;
function_custom_fn label_replace;

// functions_info.c
function_custom_fn info_info;

// functions_sort.c
function_custom_fn sort_sort;
function_custom_fn sort_sort_desc;
function_custom_fn sort_by_label;
function_custom_fn sort_by_label_desc;

// functions_convert.c
function_custom_fn convert_scalar;
function_custom_fn convert_vector;

// ---- counters whose start times are known

struct window;
// Whether a counter began anew between a sample of the window and the one before it.
bool start_is_reset(const struct window *w, size_t i);
int start_increase(struct window *w, bool per_second, double *out); // wants w->starts_ms

#endif
