// The loop over phases, and the phases that are the engine's own.
#include "modules/http/phases.hpp"

#include "modules/http/core_conf.hpp"
#include "modules/http/redirect.hpp"
#include "modules/http/server.hpp"
#include "modules/http/special_response.hpp"

namespace berth::http {

void PhaseEngine::run(Request& request) {
    for (;;) {
        Async<Verdict> work = next_handler(request);
        if (work.immediate()) {
            if (!take(request, work.take())) return;
            continue;
        }
        const bool finished = request.handler_work_.start(
            std::move(work), Continuation::to<&Request::on_handler_done>(request));
        if (!finished || !take(request, request.handler_work_.take())) return;
    }
}

void PhaseEngine::resume(Request& request) {
    if (take(request, request.handler_work_.take())) run(request);
}

void PhaseEngine::log(Request& request) {
    for (const PhaseEntry& entry : request.http().plan.phases[static_cast<std::size_t>(Phase::log)]) {
        static_cast<void>(
            call(request, entry));  // handlers of this phase answer at once, and nothing is decided any more
    }
}

Async<Verdict> PhaseEngine::call(Request& request, const PhaseEntry& entry) {
    const ConfSet* set = request.sets_[static_cast<std::size_t>(entry.conf->level)];
    return entry.run(request, set->at(*entry.conf));
}

void PhaseEngine::next_phase(Request& request) noexcept {
    ++request.phase_;
    request.handler_ = 0;
}

// The next one to ask: a module's handler of the present phase, or the engine itself.
Async<Verdict> PhaseEngine::next_handler(Request& request) {
    for (;;) {
        const auto phase = static_cast<Phase>(request.phase_);
        const auto& entries = request.http().plan.phases[request.phase_];
        if (phase == Phase::content && request.handler_ == 0) {
            if (const ContentHandler& own = request.location().content; own.run != nullptr) {
                request.handler_ = static_cast<std::uint16_t>(entries.size());  // it answers alone
                return own.run(request, own.conf);
            }
        }
        if (request.handler_ < entries.size()) return call(request, entries[request.handler_++]);
        if (phase == Phase::content) return nobody_answered(request);
        next_phase(request);
        switch (static_cast<Phase>(request.phase_)) {
            case Phase::find_config: return find_config(request);
            case Phase::post_rewrite: return post_rewrite(request);
            case Phase::post_access: return post_access(request);
            default: break;
        }
    }
}

// False when the loop is over: the response is complete.
bool PhaseEngine::take(Request& request, Verdict verdict) {
    if (request.gone()) return false;  // nobody is there to answer
    if (const int refused = request.take_refusal()) return send_special_response(request, refused);
    if (static_cast<Phase>(request.phase_) == Phase::access) verdict = after_access(request, verdict);
    switch (verdict.kind()) {
        case Verdict::Kind::next:
        case Verdict::Kind::allow:
        case Verdict::Kind::restart: return true;
        case Verdict::Kind::done:
            if (!request.response_complete()) {
                request.log_at(LogLevel::alert, "a handler ended without ending its response: broken off");
                request.stream().reset(request);
            }
            return false;
        case Verdict::Kind::reply: break;
    }
    return send_special_response(request, verdict.status());
}

// `satisfy`: with `all` the first refusal ends it; with `any` the first permission does, and refusals are
// kept until everybody was asked.
Verdict PhaseEngine::after_access(Request& request, Verdict verdict) {
    if (*request.conf<LocationConf>().satisfy == Satisfy::all) return verdict;
    if (verdict.kind() == Verdict::Kind::allow) {
        request.access_refusal_ = 0;
        next_phase(request);
        return Verdict::next();
    }
    const bool refused =
        verdict.kind() == Verdict::Kind::reply && (verdict.status() == 401 || verdict.status() == 403);
    if (!refused) return verdict;
    if (request.access_refusal_ != 401) request.access_refusal_ = static_cast<std::int16_t>(verdict.status());
    return Verdict::next();
}

Verdict PhaseEngine::post_access(Request& request) {
    if (request.access_refusal_ == 0) return Verdict::next();
    request.log_at(LogLevel::error, "access forbidden by rule");
    return Verdict::reply(std::exchange(request.access_refusal_, std::int16_t{0}));
}

Verdict PhaseEngine::find_config(Request& request) {
    const Server& server = request.server();
    request.uri_changed_ = false;  // what server{} rewrote is looked up now
    request.uri_is_of_location_ = true;
    if (const Location* folder = server.root.inner.folder_of(request.uri(), request.arena())) {
        return redirect_to(request, 301, with_args(request, folder->name));
    }
    const Location* found = server.root.inner.find(request, request.uri());
    request.enter_location((found != nullptr ? *found : server.root).for_method(request.method()));
    if (request.location().internal_only && !request.is_internal()) return Verdict::reply(404);
    const std::uint64_t limit = *request.conf<LocationConf>().client_max_body_size;
    // An error page is made although the body is refused; nobody reads the body then.
    const bool wanted = !request.body().complete() && !request.in_error_page();
    if (limit != 0 && request.content_length().value_or(0) > limit && wanted) {
        request.log_at(LogLevel::error, "client intended to send too large body: {} bytes",
                       *request.content_length());
        request.stream().close_after();
        return Verdict::reply(413);
    }
    return Verdict::next();
}

Verdict PhaseEngine::post_rewrite(Request& request) {
    if (!request.uri_changed_) return Verdict::next();
    if (++request.rewrites_ > *request.conf<LocationConf>().internal_redirect_limit) {
        request.log_at(LogLevel::error, "rewrite or internal redirection cycle while processing \"{}\"",
                       request.uri());
        return Verdict::reply(500);
    }
    request.uri_changed_ = false;
    // The next step is find_config again, from the server's own settings.
    request.enter_location(request.server().root);
    request.phase_ = static_cast<std::uint8_t>(Phase::server_rewrite);
    request.handler_ = static_cast<std::uint16_t>(
        request.http().plan.phases[static_cast<std::size_t>(Phase::server_rewrite)].size());
    return Verdict::next();
}

Verdict PhaseEngine::nobody_answered(Request& request) {
    if (request.uri().ends_with('/')) {
        request.log_at(LogLevel::error, "no handler answers for the folder \"{}\"", request.uri());
        return Verdict::reply(403);
    }
    return Verdict::reply(404);
}

}  // namespace berth::http
