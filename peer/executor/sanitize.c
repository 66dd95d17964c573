// Only a build under AddressSanitizer asks for these. PoCL brings LLVM, which puts an alternate signal stack of its own
// on threads that compile; the sanitizer would free it as if it were its own. What LLVM and PoCL keep until the end of
// the process is no leak of ours.
const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);

const char *__asan_default_options(void) { return "use_sigaltstack=0"; }

const char *__lsan_default_suppressions(void) { return "leak:libpocl\nleak:libLLVM\nleak:libclang\nleak:libOpenCL\n"; }
