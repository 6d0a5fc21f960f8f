// Variables that tell which backends were asked, how long they took and what they said.
#include "modules/http/upstream/variables.hpp"

#include <string>

#include "core/text/ascii.hpp"
#include "modules/http/protocol/cookie.hpp"
#include "modules/http/upstream/exchange.hpp"
#include "modules/http/variables/field_name.hpp"
#include "modules/http/variables/texts.hpp"

namespace berth::http {

namespace {

enum class About : std::uintptr_t {
    address,
    status,
    connect_time,
    header_time,
    response_time,
    response_length,
    received,
    sent
};

void append_number(std::string& out, std::uint64_t value) { out += std::to_string(value); }

// "0.012", or "-" when it never came to that.
void append_seconds(std::string& out, std::int64_t milliseconds) {
    if (milliseconds < 0) {
        out += '-';
        return;
    }
    char digits[kDecimalDigits];
    out += std::to_string(milliseconds / 1000);
    out += '.';
    out.append(digits, format_padded(digits, static_cast<std::uint64_t>(milliseconds % 1000), 3));
}

void append_about(std::string& out, const UpstreamAttempt& attempt, About what) {
    switch (what) {
        case About::address: out += attempt.address; break;
        case About::status:
            if (attempt.status == 0) {
                out += '-';
            } else {
                append_number(out, static_cast<std::uint64_t>(attempt.status));
            }
            break;
        case About::connect_time: append_seconds(out, attempt.connect_ms); break;
        case About::header_time: append_seconds(out, attempt.header_ms); break;
        case About::response_time: append_seconds(out, attempt.response_ms); break;
        case About::response_length: append_number(out, attempt.length); break;
        case About::received: append_number(out, attempt.received); break;
        case About::sent: append_number(out, attempt.sent); break;
    }
}

// One entry for each backend, commas between; a colon where an internal redirect led to others.
VariableText get_about(VariableHost& host, std::uintptr_t data) {
    const auto* trace = as_request(host).find_state<UpstreamTrace>();
    if (trace == nullptr || trace->first == nullptr) return VariableText::missing();
    if (trace->under_way != nullptr) trace->under_way->measure();
    std::string out;
    for (const UpstreamAttempt* each = trace->first; each != nullptr; each = each->next) {
        if (!out.empty()) out += each->after_redirect ? " : " : ", ";
        append_about(out, *each, static_cast<About>(data));
    }
    return text(host.arena().copy(out));
}

const AnswerHead* last_head(VariableHost& host) {
    const auto* trace = as_request(host).find_state<UpstreamTrace>();
    return trace != nullptr ? trace->head : nullptr;
}

VariableText get_field(VariableHost& host, std::uintptr_t data) {
    const std::string_view name = reinterpret_cast<const char*>(data);
    const AnswerHead* head = last_head(host);
    if (head == nullptr) return VariableText::missing();
    std::string all;
    bool found = false;
    for (const HeaderField& field : *head->fields) {
        if (!is_variable_name_of(name, field.name.in(head->bytes))) continue;
        if (found) all += ", ";
        all += field.value.in(head->bytes);
        found = true;
    }
    return found ? text(host.arena().copy(all)) : VariableText::missing();
}

VariableText get_cookie(VariableHost& host, std::uintptr_t data) {
    const std::string_view name = reinterpret_cast<const char*>(data);
    const AnswerHead* head = last_head(host);
    if (head == nullptr) return VariableText::missing();
    for (const HeaderField& field : *head->fields) {
        if (field.id != KnownHeader::set_cookie) continue;
        std::string_view value = field.value.in(head->bytes);
        value = value.substr(0, value.find(';'));
        const std::size_t equals = value.find('=');
        if (equals == value.npos || !ascii::iequals(value.substr(0, equals), name)) continue;
        return text(value.substr(equals + 1));
    }
    return VariableText::missing();
}

VariableText get_trailer(VariableHost& host, std::uintptr_t data) {
    const auto* trace = as_request(host).find_state<UpstreamTrace>();
    if (trace == nullptr) return VariableText::missing();
    const std::string_view name = reinterpret_cast<const char*>(data);
    std::string_view lines = trace->trailers;
    while (!lines.empty()) {
        const std::size_t end = lines.find("\r\n");
        const std::string_view line = lines.substr(0, end);
        const std::size_t colon = line.find(':');
        if (colon != line.npos && is_variable_name_of(name, line.substr(0, colon)))
            return text(ascii::trim(line.substr(colon + 1)));
        if (end == lines.npos) break;
        lines.remove_prefix(end + 2);
    }
    return VariableText::missing();
}

}  // namespace

void define_upstream_variables(Variables& variables) {
    const auto about = [&](std::string_view name, About what) {
        variables.define(name, get_about, static_cast<std::uintptr_t>(what), Caching::never);
    };
    about("upstream_addr", About::address);
    about("upstream_status", About::status);
    about("upstream_connect_time", About::connect_time);
    about("upstream_header_time", About::header_time);
    about("upstream_response_time", About::response_time);
    about("upstream_response_length", About::response_length);
    about("upstream_bytes_received", About::received);
    about("upstream_bytes_sent", About::sent);
    variables.define_prefix("upstream_http_", get_field, Caching::never);
    variables.define_prefix("upstream_cookie_", get_cookie, Caching::never);
    variables.define_prefix("upstream_trailer_", get_trailer, Caching::never);
}

}  // namespace berth::http
