// What `lapwing --version` and build information say.
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define LAPWING_VERSION "0.1.0"
// The Prometheus release whose API and language this version speaks; buildinfo reports it.
#define PROMETHEUS_VERSION "3.14.0"
// The Alertmanager release whose API v2 this version speaks; its status reports it.
#define ALERTMANAGER_VERSION "0.34.0"

// Set by the build: short commit, or "unknown".
extern const char *const lapwing_revision;

#endif
