// The parts of the HTML report, embedded by the build; uPlot's are empty where the build had no npm.
#ifndef BENCH_REPORT_ASSETS_H
#define BENCH_REPORT_ASSETS_H

extern const char bench_report_js[], bench_report_js_end[];
extern const char bench_report_css[], bench_report_css_end[];
extern const char bench_uplot_js[], bench_uplot_js_end[];
extern const char bench_uplot_css[], bench_uplot_css_end[];

#endif
