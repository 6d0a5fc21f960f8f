// Variables that tell what is being answered: $status, $bytes_sent, $sent_http_NAME, $sent_trailer_NAME.
#include "core/time/http_date.hpp"
#include "modules/http/request.hpp"
#include "modules/http/variables/field_name.hpp"
#include "modules/http/variables/groups.hpp"
#include "modules/http/variables/texts.hpp"

namespace berth::http {

namespace {

VariableText get_status(VariableHost& host, std::uintptr_t) {
    // On its way to an error page a request has a status although nothing is answered yet.
    const Request& request = as_request(host);
    const int forced = request.forced_status();
    auto digits = host.arena().array<char>(3);
    format_padded(digits.data(), static_cast<std::uint64_t>(forced != 0 ? forced : request.out().status), 3);
    return text({digits.data(), 3});
}

VariableText get_bytes_sent(VariableHost& host, std::uintptr_t) {
    return number(host, as_request(host).stream().bytes_sent());
}

VariableText get_body_bytes_sent(VariableHost& host, std::uintptr_t) {
    const Stream& stream = as_request(host).stream();
    const std::uint64_t all = stream.bytes_sent();
    const std::uint64_t head = stream.head_bytes_sent();
    return number(host, all > head ? all - head : 0);
}

VariableText content_type(Request& request) {
    const Response& out = request.out();
    if (out.content_type.empty()) return VariableText::missing();
    if (out.charset.empty()) return text(out.content_type);
    std::string whole(out.content_type);
    return text(request.arena().copy(whole.append("; charset=").append(out.charset)));
}

// The fields that the response keeps outside of its list.
VariableText own_field(Request& request, KnownHeader id) {
    const Response& out = request.out();
    switch (id) {
        case KnownHeader::content_type: return content_type(request);
        case KnownHeader::content_length:
            return out.content_length ? number(request, *out.content_length) : VariableText::missing();
        case KnownHeader::etag: return out.etag.empty() ? VariableText::missing() : text(out.etag);
        case KnownHeader::accept_ranges: return out.accept_ranges ? text("bytes") : VariableText::missing();
        case KnownHeader::last_modified: {
            if (!out.last_modified) return VariableText::missing();
            auto date = request.arena().array<char>(kHttpDateSize);
            format_http_date(date.data(), static_cast<std::time_t>(*out.last_modified));
            return text({date.data(), date.size()});
        }
        default: break;
    }
    const std::string_view added = request.stream().own_field(request, id);
    return added.empty() ? VariableText::missing() : text(added);
}

VariableText joined(Request& request, std::string_view name) {
    std::string all;
    bool found = false;
    for (const OutField& field : request.out().fields) {
        if (!is_variable_name_of(name, field.name)) continue;
        if (found) all += ", ";
        all += field.value;
        found = true;
    }
    return found ? text(request.arena().copy(all)) : VariableText::missing();
}

VariableText get_sent(VariableHost& host, std::uintptr_t data) {
    Request& request = as_request(host);
    const std::string_view name = reinterpret_cast<const char*>(data);
    const VariableText listed = joined(request, name);
    if (listed.found) return listed;
    std::string field(name);
    for (char& c : field) c = c == '_' ? '-' : c;
    return own_field(request, known_header(field));
}

VariableText get_sent_trailer(VariableHost& host, std::uintptr_t data) {
    const Response& out = as_request(host).out();
    const std::string_view name = reinterpret_cast<const char*>(data);
    for (const OutField& field : std::span(out.trailers, out.trailer_count)) {
        if (is_variable_name_of(name, field.name)) return text(field.value);
    }
    return VariableText::missing();
}

}  // namespace

void define_response_variables(Variables& variables) {
    variables.define("status", get_status, 0, Caching::never);
    variables.define("bytes_sent", get_bytes_sent, 0, Caching::never);
    variables.define("body_bytes_sent", get_body_bytes_sent, 0, Caching::never);
    variables.define_prefix("sent_http_", get_sent, Caching::never);
    variables.define_prefix("sent_trailer_", get_sent_trailer, Caching::never);
}

}  // namespace berth::http
