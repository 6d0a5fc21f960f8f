// HttpBuilder: what a module adds to the serving of HTTP: phase handlers, filters, variables.
#pragma once

#include <vector>

#include "core/config/conf.hpp"
#include "core/value/variables.hpp"
#include "event/async/async.hpp"
#include "modules/http/verdict.hpp"

namespace berth::http {

class Request;

// A phase handler with the struct it is given: that of the request's location (server, http) at the time it
// runs.
struct PhaseEntry {
    Async<Verdict> (*run)(Request& request, const void* conf);
    const ConfInfo* conf;
};
struct HeaderFilterEntry {
    void (*run)(Request& request, const void* conf);
    const ConfInfo* conf;
};

// All of them, for one configuration, in module order.
struct HttpPlan {
    std::vector<PhaseEntry> phases[kPhases];
    std::vector<HeaderFilterEntry> header_filters;
};

class HttpBuilder {
 public:
    HttpBuilder(HttpPlan& plan, Variables& variables) : plan_(plan), variables_(variables) {}

    // `Handle` is Async<Verdict>(Request&, const Conf&) or, for what never waits, Verdict(Request&, const
    // Conf&).
    template <class Conf, auto Handle>
    void phase(Phase phase) {
        plan_.phases[static_cast<std::size_t>(phase)].push_back(
            {[](Request& request, const void* conf) -> Async<Verdict> {
                 return Handle(request, *static_cast<const Conf*>(conf));
             },
             &conf_info<Conf>});
    }

    // void(Request&, const Conf&): sees request.out() before it is sent, in module order. May change it, and
    // may ask for a body filter (Request::filter_body). Not called for interim responses.
    template <class Conf, auto Filter>
    void header_filter() {
        plan_.header_filters.push_back(
            {[](Request& request, const void* conf) { Filter(request, *static_cast<const Conf*>(conf)); },
             &conf_info<Conf>});
    }

    // The names after `$`. Getters receive a Request as their host: `as_request(host)`.
    Variables& variables() noexcept { return variables_; }

 private:
    HttpPlan& plan_;
    Variables& variables_;
};

}  // namespace berth::http
