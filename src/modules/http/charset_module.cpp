// The module charset: names the character set of texts in Content-Type. It converts nothing.
#include <algorithm>

#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "core/text/ascii.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/request.hpp"

namespace berth {

namespace {

using namespace http;

struct CharsetConf {
    Setting<Value> charset{Value(std::string("off"))};
    Setting<std::vector<std::string>> types{
        std::vector<std::string>{"text/html", "text/xml", "text/plain", "text/vnd.wap.wml",
                                 "application/javascript", "application/rss+xml"}};
    bool off = true;  // written out, and the same for every answer
    void finish(Loader&) { off = charset->is_constant() && charset->constant() == "off"; }
};

// charset_types adds to text/html, which always has one.
void take_types(Loader&, const Node& node, Setting<std::vector<std::string>>& into) {
    std::vector<std::string> types{"text/html"};
    for (const Word& word : node.args) types.push_back(ascii::lowercase(word.text));
    into.set(std::move(types));
}

bool has_charset(const CharsetConf& conf, std::string_view type) {
    return std::ranges::any_of(
        *conf.types, [&](const std::string& each) { return each == "*" || ascii::iequals(each, type); });
}

void filter(Request& request, const CharsetConf& conf) {
    if (conf.off) return;
    Response& out = request.out();
    if (out.no_charset || !out.charset.empty() || out.content_type.empty() ||
        out.content_type.find(';') != std::string_view::npos)
        return;
    if (!has_charset(conf, out.content_type)) return;
    const std::string_view charset = conf.charset->eval(request);
    if (charset != "off") out.charset = charset;
}

constexpr Directive directives[] = {
    rows::defaults_to("off",
                      rows::value<&CharsetConf::charset>(
                          "charset", in_http | in_if,
                          "The character set that Content-Type names for the types of charset_types; off: "
                          "none.")),
    rows::custom<&CharsetConf::types, take_types>(
        "charset_types", in_http, {1, kAnyNumber}, "TYPE...",
        "The types that charset applies to, besides text/html; * for all."),
};

}  // namespace

extern const Module http_charset;
extern const Module http_charset = {
    .name = "http_charset",
    .directives = directives,
    .location = conf_of<CharsetConf>(),
    .http = [](HttpBuilder& builder) { builder.header_filter<CharsetConf, filter>(); },
};

}  // namespace berth
