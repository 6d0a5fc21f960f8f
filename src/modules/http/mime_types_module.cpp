// http_mime_types: the media types of file names.
#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/files/mime_types.hpp"

namespace berth {
namespace http {
namespace {

void take_types(Loader& loader, const Node& node, Setting<std::shared_ptr<const TypeMap>>& setting) {
    auto types = std::make_shared<TypeMap>();
    for (const Node& line : node.children) {
        if (line.args.empty()) {
            loader.error(line.at, "\"" + line.name + "\" names no extension", "as in: text/css css;");
        }
        for (const Word& extension : line.args) {
            const auto [type, is_new] = types->insert(extension.text, line.name);
            if (is_new || *type == line.name) continue;
            loader.warning(extension.at, "extension \"" + extension.text + "\" is given twice: \"" + *type +
                                             "\" is replaced by \"" + line.name + "\"");
            *type = line.name;
        }
    }
    setting.set(std::move(types));
}

}  // namespace
}  // namespace http

namespace {

using namespace berth::rows;
using http::MimeConf;

constexpr std::string_view kTable = "Accepted for nginx's sake: the table of types has the size it needs.";

constexpr Directive directives[] = {
    custom<&MimeConf::types, http::take_types>("types", http::in_http, {0, 0}, "{ TYPE EXTENSION… }",
                                               "Media types by the extension of the file name, letter case "
                                               "ignored. A block's own list takes the place "
                                               "of the enclosing block's; without any: html, gif and jpeg.",
                                               Kind::data),
    text<&MimeConf::default_type>("default_type", http::in_http,
                                  "The media type of files whose extension is in no list."),
    unneeded("types_hash_max_size", http::in_http, kTable),
    unneeded("types_hash_bucket_size", http::in_http, kTable),
};

}  // namespace

extern const Module http_mime_types = {
    .name = "http_mime_types", .directives = directives, .location = conf_of<MimeConf>()};

}  // namespace berth
