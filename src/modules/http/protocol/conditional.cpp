// Conditional requests: the order of evaluation of RFC 9110 13.2.2.
#include "modules/http/protocol/conditional.hpp"

#include "core/text/ascii.hpp"
#include "core/time/http_date.hpp"

namespace berth::http {
namespace {

bool is_weak(std::string_view etag) noexcept { return etag.starts_with("W/"); }
std::string_view opaque(std::string_view etag) noexcept { return is_weak(etag) ? etag.substr(2) : etag; }

// Any field of this id lists the tag.
bool any_field_lists(const FieldList& fields, std::string_view buffer, KnownHeader id, std::string_view etag,
                     bool weak) {
    for (const HeaderField& field : fields) {
        if (field.id == id && etag_in_list(field.value.in(buffer), etag, weak)) return true;
    }
    return false;
}

bool modified_after(std::string_view date, std::int64_t last_modified) {
    const std::optional<std::time_t> since = parse_http_date(date);
    return since && last_modified > *since;
}

bool unmodified_since(std::string_view date, std::int64_t last_modified, IfModifiedSince mode) {
    const std::optional<std::time_t> since = parse_http_date(date);
    if (!since) return false;
    return mode == IfModifiedSince::exact ? last_modified == *since : last_modified <= *since;
}

}  // namespace

bool etag_equal_strong(std::string_view a, std::string_view b) noexcept {
    return !a.empty() && !is_weak(a) && a == b;
}

bool etag_equal_weak(std::string_view a, std::string_view b) noexcept {
    return !a.empty() && opaque(a) == opaque(b);
}

bool etag_in_list(std::string_view list, std::string_view etag, bool weak) noexcept {
    if (ascii::trim(list) == "*") return true;
    ListWalk walk(list);
    for (std::string_view element; walk.next(element);) {
        if (weak ? etag_equal_weak(element, etag) : etag_equal_strong(element, etag)) return true;
    }
    return false;
}

Precondition evaluate_preconditions(const RequestHead& head, std::string_view buffer, const Validators& known,
                                    IfModifiedSince mode) {
    const FieldList& fields = head.fields;
    if (fields.has(KnownHeader::if_match)) {
        if (!any_field_lists(fields, buffer, KnownHeader::if_match, known.etag, false))
            return Precondition::failed;
    } else if (fields.has(KnownHeader::if_unmodified_since) && known.last_modified) {
        const std::string_view date = fields.value(KnownHeader::if_unmodified_since, buffer);
        if (modified_after(date, *known.last_modified)) return Precondition::failed;
    }
    const bool reads = head.method == Method::get || head.method == Method::head;
    if (fields.has(KnownHeader::if_none_match)) {
        if (!any_field_lists(fields, buffer, KnownHeader::if_none_match, known.etag, true))
            return Precondition::proceed;
        return reads ? Precondition::not_modified : Precondition::failed;
    }
    if (!reads || mode == IfModifiedSince::off || !known.last_modified) return Precondition::proceed;
    if (!fields.has(KnownHeader::if_modified_since)) return Precondition::proceed;
    const std::string_view date = fields.value(KnownHeader::if_modified_since, buffer);
    return unmodified_since(date, *known.last_modified, mode) ? Precondition::not_modified
                                                              : Precondition::proceed;
}

}  // namespace berth::http
