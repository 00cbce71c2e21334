// Linked into every program of a build with SANITIZE=1: where ASan and UBSan write.  Daemons have
// no stderr and a scrubbed environment, so reports go to files that the tests look for
// (tests/support/sanitizer.py).  Leaks are looked for in the unit tests only: a daemon that has
// changed its identity can't be traced, which the search for leaks needs.

extern "C" {
const char*
__asan_default_options();  // NOLINT(readability-identifier-naming,bugprone-reserved-identifier)
const char*
__ubsan_default_options();  // NOLINT(readability-identifier-naming,bugprone-reserved-identifier)

__attribute__((used, visibility("default"))) const char* __asan_default_options() {
    return "log_path=/tmp/relais-sanitizer/report:log_exe_name=1:detect_leaks=0:"
           "strict_string_checks=1:detect_stack_use_after_return=1";
}

__attribute__((used, visibility("default"))) const char* __ubsan_default_options() {
    return "log_path=/tmp/relais-sanitizer/report:log_exe_name=1:print_stacktrace=1";
}
}
