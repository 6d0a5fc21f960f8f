// limit_rate, limit_rate_after, $limit_rate: how fast an answer is sent.
#include <array>

#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "core/text/number.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/request.hpp"
#include "modules/http/variables/size_value.hpp"

namespace berth {

namespace {

using namespace http;

// Sizes in bytes; of the rate, a second.
struct LimitRateConf {
    Setting<Value> rate{Value(std::string("0"))};
    Setting<Value> after{Value(std::string("0"))};
    bool unlimited = true;  // the rate is written out, and is 0
    void finish(Loader&) { unlimited = rate->is_constant() && parse_size(rate->constant()) == 0; }
};

std::uint64_t rate_of(Request& request, const LimitRateConf& conf) {
    const std::optional<std::uint64_t>& own = request.out().limit_rate;
    if (own) return *own;
    return conf.unlimited ? 0 : size_of(request, *conf.rate);
}

// Whoever set the rate before (a variable, a backend) has the last word.
void filter(Request& request, const LimitRateConf& conf) {
    Response& out = request.out();
    out.limit_rate = rate_of(request, conf);
    if (*out.limit_rate != 0) out.limit_rate_after = size_of(request, *conf.after);
}

VariableText get_rate(VariableHost& host, std::uintptr_t) {
    auto& request = static_cast<Request&>(host);
    const std::uint64_t rate = rate_of(request, request.conf<LimitRateConf>());
    std::array<char, kDecimalDigits> digits{};
    const char* end = format_decimal(digits.data(), rate);
    return {request.arena().copy({digits.data(), static_cast<std::size_t>(end - digits.data())}), true};
}

void set_rate(VariableHost& host, std::string_view text, std::uintptr_t) {
    auto& request = static_cast<Request&>(host);
    if (const std::optional<std::uint64_t> rate = parse_size(text)) {
        request.out().limit_rate = rate;
    } else {
        request.log_at(LogLevel::error, "invalid $limit_rate \"{}\"", text);
    }
}

constexpr Directive directives[] = {
    rows::defaults_to(
        "0", rows::custom<&LimitRateConf::rate, take_size>(
                 "limit_rate", in_http | in_if, {1, 1}, {},
                 "How many bytes per second of an answer are sent to a client: a size, which may have "
                 "variables. It holds for one answer, so a client with two connections gets twice as much. 0 "
                 "is no limit.",
                 Kind::value)),
    rows::defaults_to(
        "0",
        rows::custom<&LimitRateConf::after, take_size>(
            "limit_rate_after", in_http | in_if, {1, 1}, {},
            "So many bytes of an answer are sent as fast as can be, before limit_rate holds.", Kind::value)),
};

}  // namespace

extern const Module http_limit_rate;
extern const Module http_limit_rate = {
    .name = "http_limit_rate",
    .directives = directives,
    .location = conf_of<LimitRateConf>(),
    .http =
        [](HttpBuilder& builder) {
            builder.variables().define("limit_rate", get_rate, 0, Caching::never).set = set_rate;
            builder.header_filter<LimitRateConf, filter>();
        },
};

}  // namespace berth
