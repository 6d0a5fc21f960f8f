// PhaseEngine: takes a request through its phases, waiting where a handler waits.
#pragma once

#include "modules/http/builder.hpp"
#include "modules/http/request.hpp"

namespace berth::http {

// A short loop over the handlers of each phase. A handler that answers at once costs no coroutine; one that
// waits is owned by the request, and the loop goes on from on_handler_done().
class PhaseEngine {
 public:
    // From the request's present phase until it waits or its response is complete.
    static void run(Request& request);
    // After a handler that waited has decided.
    static void resume(Request& request);
    // The log phase. Its handlers may not wait.
    static void log(Request& request);

 private:
    static Async<Verdict> call(Request& request, const PhaseEntry& entry);
    static Async<Verdict> next_handler(Request& request);
    static bool take(Request& request, Verdict verdict);
    static void next_phase(Request& request) noexcept;

    static Verdict find_config(Request& request);
    static Verdict post_rewrite(Request& request);
    static Verdict post_access(Request& request);
    static Verdict nobody_answered(Request& request);
    static Verdict after_access(Request& request, Verdict verdict);
};

}  // namespace berth::http
