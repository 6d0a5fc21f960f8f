// The module headers: add_header, add_trailer and expires.
#include <algorithm>

#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "core/time/http_date.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/expires.hpp"
#include "modules/http/request.hpp"

namespace berth {

namespace {

using namespace http;

struct AddedField {
    std::string name;
    KnownHeader id = KnownHeader::unknown;
    Value value;
    bool always = false;
};

struct ExpiresSetting {
    Expires fixed;
    Value text;  // with variables; empty: `fixed` holds
    bool modified = false;
};

struct HeadersConf {
    Setting<std::vector<AddedField>> headers;
    Setting<std::vector<AddedField>> trailers;
    Setting<ExpiresSetting> expires;
};

void take_field(Loader& loader, const Node& node, Setting<std::vector<AddedField>>& into) {
    AddedField field;
    field.name = node.args[0].text;
    field.id = known_header(field.name);
    field.value = loader.compile(node.args[1]);
    field.always = node.args.size() == 3;
    if (field.always && node.args[2].text != "always") {
        return loader.error(node.args[2].at, "invalid parameter \"" + node.args[2].text + "\"",
                            "it can only be: always");
    }
    into.edit().push_back(std::move(field));
}

void take_expires(Loader& loader, const Node& node, Setting<ExpiresSetting>& into) {
    ExpiresSetting setting;
    const Word& word = node.args.back();
    setting.modified = node.args.size() == 2;
    if (setting.modified && node.args[0].text != "modified") {
        return loader.error(node.args[0].at, "invalid value \"" + node.args[0].text + "\"",
                            "two arguments are: modified TIME");
    }
    setting.text = loader.compile(word);
    if (setting.text.is_constant()) {
        const auto parsed = Expires::parse(word.text);
        if (!parsed || (setting.modified && parsed->kind != Expires::Kind::after)) {
            return loader.error(word.at, "invalid value \"" + word.text + "\" of expires",
                                "it is a time (30d, -1h), a time of day (@15h), epoch, max or off");
        }
        setting.fixed = *parsed;
        if (setting.modified) setting.fixed.kind = Expires::Kind::modified;
        setting.text = Value();
    }
    into.set(std::move(setting));
}

// The statuses whose answers are told how to be kept, and get the fields that do not say `always`.
bool is_usual(int status) {
    switch (status) {
        case 200:
        case 201:
        case 204:
        case 206:
        case 301:
        case 302:
        case 303:
        case 304:
        case 307:
        case 308: return true;
        default: return false;
    }
}

// The two fields that the response keeps outside of its list; an empty value removes them.
bool set_own_field(Request& request, KnownHeader id, std::string_view value) {
    Response& out = request.out();
    if (id == KnownHeader::etag) return out.etag = value, true;
    if (id != KnownHeader::last_modified) return false;
    out.last_modified.reset();
    if (const auto time = parse_http_date(value)) out.last_modified = *time;
    return true;
}

void add_fields(Request& request, const std::vector<AddedField>& fields, bool usual) {
    for (const AddedField& field : fields) {
        if (!usual && !field.always) continue;
        const std::string_view value = field.value.eval(request);
        if (set_own_field(request, field.id, value) || value.empty()) continue;
        request.out().fields.add(field.name, value);
    }
}

void apply_expires(Request& request, const ExpiresSetting& setting) {
    if (setting.text.empty()) return setting.fixed.apply(request);
    auto parsed = Expires::parse(setting.text.eval(request));
    if (!parsed) return;
    if (setting.modified && parsed->kind == Expires::Kind::after) parsed->kind = Expires::Kind::modified;
    parsed->apply(request);
}

// Trailers are evaluated when the body has ended.
void fill_trailers(Request& request, Chain&, bool last, void* state) {
    if (!last) return;
    const auto& fields = *static_cast<const std::vector<AddedField>*>(state);
    auto trailers = request.arena().array<OutField>(fields.size());
    std::size_t count = 0;
    for (const AddedField& field : fields) {
        if (!field.always && !is_usual(request.out().status)) continue;
        const std::string_view value = field.value.eval(request);
        if (!value.empty()) trailers[count++] = OutField{field.id, field.name, value};
    }
    request.out().trailers = trailers.data();
    request.out().trailer_count = count;
}

void expect_trailers(Request& request, const std::vector<AddedField>& fields, bool usual) {
    const bool wanted =
        std::ranges::any_of(fields, [&](const AddedField& field) { return usual || field.always; });
    if (!wanted || request.minor_version() == 0 || request.is_head()) return;
    request.out().content_length.reset();
    request.filter_body(fill_trailers, const_cast<std::vector<AddedField>*>(&fields));
}

void filter(Request& request, const HeadersConf& conf) {
    if (conf.headers->empty() && conf.trailers->empty() && !conf.expires.is_set()) return;
    const bool usual = is_usual(request.out().status);
    if (usual && conf.expires.is_set()) apply_expires(request, *conf.expires);
    add_fields(request, *conf.headers, usual);
    if (!conf.trailers->empty()) expect_trailers(request, *conf.trailers, usual);
}

constexpr Directive directives[] = {
    rows::repeatable(rows::custom<&HeadersConf::headers, take_field>(
        "add_header", in_http | in_if, {2, 3}, "NAME TEXT [always]",
        "Adds a field to answers with status 200, 201, 204, 206, 301, 302, 303, 304, 307 or 308, or to all "
        "of them (always). A block that has one takes none of the block around it.",
        Kind::value)),
    rows::repeatable(rows::custom<&HeadersConf::trailers, take_field>(
        "add_trailer", in_http | in_if, {2, 3}, "NAME TEXT [always]",
        "As add_header, behind the body, where its value may depend on the body.", Kind::value)),
    rows::defaults_to(
        "off", rows::custom<&HeadersConf::expires, take_expires>(
                   "expires", in_http | in_if, {1, 2}, "[modified] TIME | @TIME_OF_DAY | epoch | max | off",
                   "Sets Expires and Cache-Control: how long an answer may be kept, counted from now or from "
                   "its last modification.",
                   Kind::value)),
};

}  // namespace

extern const Module http_headers;
extern const Module http_headers = {
    .name = "http_headers",
    .directives = directives,
    .location = conf_of<HeadersConf>(),
    .http = [](HttpBuilder& builder) { builder.header_filter<HeadersConf, filter>(); },
};

}  // namespace berth
