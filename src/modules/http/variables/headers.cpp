// Variables that tell what stood in the fields of the request: $http_NAME, $cookie_NAME, $content_length,
// $remote_user.
#include <string>

#include "core/text/ascii.hpp"
#include "modules/http/protocol/cookie.hpp"
#include "modules/http/request.hpp"
#include "modules/http/variables/field_name.hpp"
#include "modules/http/variables/groups.hpp"
#include "modules/http/variables/texts.hpp"

namespace berth::http {

namespace {

// Several fields of one name are one list (RFC 9110 5.3), cookies a list of their own kind.
template <class Match>
VariableText joined(Request& request, Match match, std::string_view separator) {
    const std::string_view bytes = request.head_bytes();
    std::string all;
    for (const HeaderField& field : request.head().fields) {
        if (!match(field)) continue;
        if (!all.empty()) all += separator;
        all += field.value.in(bytes);
    }
    return text(request.arena().copy(all));
}

VariableText get_known(VariableHost& host, std::uintptr_t data) {
    Request& request = as_request(host);
    const auto id = static_cast<KnownHeader>(data);
    const FieldList& fields = request.head().fields;
    const HeaderField* field = fields.find(id);
    if (field == nullptr) return VariableText::missing();
    if (!fields.repeated(id)) return text(field->value.in(request.head_bytes()));
    return joined(
        request, [id](const HeaderField& each) { return each.id == id; },
        id == KnownHeader::cookie ? "; " : ", ");
}

VariableText get_unknown(VariableHost& host, std::uintptr_t data) {
    Request& request = as_request(host);
    const std::string_view name = reinterpret_cast<const char*>(data);
    const std::string_view bytes = request.head_bytes();
    auto match = [&](const HeaderField& field) { return is_variable_name_of(name, field.name.in(bytes)); };
    const HeaderField* first = nullptr;
    for (const HeaderField& field : request.head().fields) {
        if (!match(field)) continue;
        if (first != nullptr) return joined(request, match, ", ");
        first = &field;
    }
    return first != nullptr ? text(first->value.in(bytes)) : VariableText::missing();
}

VariableText get_cookie(VariableHost& host, std::uintptr_t name) {
    const Request& request = as_request(host);
    const auto value =
        find_cookie(request.head().fields, request.head_bytes(), reinterpret_cast<const char*>(name));
    return value ? text(*value) : VariableText::missing();
}

int base64_value(char c) {
    if (ascii::is_upper(c)) return c - 'A';
    if (ascii::is_lower(c)) return c - 'a' + 26;
    if (ascii::is_digit(c)) return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// What stands before the colon in the credentials of Basic authentication (RFC 7617 2).
VariableText get_remote_user(VariableHost& host, std::uintptr_t) {
    const std::string_view credentials = as_request(host).header(KnownHeader::authorization);
    if (!ascii::starts_with_ci(credentials, "basic ")) return VariableText::missing();
    std::string user;
    unsigned bits = 0;
    int count = 0;
    for (const char c : ascii::trim(credentials.substr(6))) {
        if (c == '=') break;
        const int value = base64_value(c);
        if (value < 0) return VariableText::missing();
        bits = bits << 6 | static_cast<unsigned>(value);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        const char byte = static_cast<char>(bits >> count & 0xff);
        if (byte == ':') return text(host.arena().copy(user));
        user += byte;
    }
    return VariableText::missing();
}

}  // namespace

void define_header_variables(Variables& variables) {
    for (std::size_t id = 1; id < kKnownHeaderCount; ++id) {
        const auto header = static_cast<KnownHeader>(id);
        variables.define("http_" + variable_name_of(header_name(header)), get_known, id);
    }
    variables.define_prefix("http_", get_unknown);
    variables.define_prefix("cookie_", get_cookie);
    variables.define("content_length", get_known, static_cast<std::uintptr_t>(KnownHeader::content_length));
    variables.define("content_type", get_known, static_cast<std::uintptr_t>(KnownHeader::content_type));
    variables.define("remote_user", get_remote_user);
}

}  // namespace berth::http
