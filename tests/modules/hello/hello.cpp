// hello: answers every request of a location with a text. The smallest useful module from outside the tree:
// `hello "Hello, $remote_addr!";`
#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/request.hpp"

namespace berth {
namespace {

struct Hello {
    Setting<Value> text;
};

http::Verdict greet(http::Request& request, const Hello& conf) {
    if (!conf.text.is_set()) return http::Verdict::next();
    return request.reply(200, "text/plain", conf.text->eval(request));
}

constexpr Directive directives[] = {
    rows::value<&Hello::text>("hello", http::in_http,
                              "Answers with this text, in which variables may stand."),
};

}  // namespace

extern const Module hello;
extern const Module hello = {
    .name = "hello",
    .directives = directives,
    .location = conf_of<Hello>(),
    .http = [](http::HttpBuilder& http) { http.phase<Hello, greet>(http::Phase::content); }};

}  // namespace berth
