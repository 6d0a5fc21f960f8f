// The list of fields of one head, and the list syntax inside their values.
#include "modules/http/protocol/fields.hpp"

#include <algorithm>
#include <cassert>

#include "core/text/ascii.hpp"

namespace berth::http {

void FieldList::add(const HeaderField& field) {
    assert(size_ < kMax);
    if (size_ == kInline && data_ == inline_.fields) {
        if (!spilled_) spilled_ = std::make_unique<HeaderField[]>(kMax);
        std::copy_n(inline_.fields, kInline, spilled_.get());
        data_ = spilled_.get();
    }
    data_[size_++] = field;
    std::uint8_t& first = first_[static_cast<std::size_t>(field.id)];
    if (first == 0) first = static_cast<std::uint8_t>(size_);
}

void FieldList::clear() noexcept {
    size_ = 0;
    data_ = inline_.fields;
    first_.fill(0);
}

bool FieldList::repeated(KnownHeader id) const noexcept {
    const HeaderField* first = find(id);
    if (first == nullptr) return false;
    return std::any_of(first + 1, end(), [id](const HeaderField& field) { return field.id == id; });
}

const HeaderField* FieldList::find(std::string_view name, std::string_view buffer) const noexcept {
    const KnownHeader id = known_header(name);
    if (id != KnownHeader::unknown) return find(id);
    for (const HeaderField& field : *this) {
        if (field.id == id && ascii::iequals(field.name.in(buffer), name)) return &field;
    }
    return nullptr;
}

bool ListWalk::next(std::string_view& element) noexcept {
    while (!rest_.empty()) {
        std::size_t end = 0;
        bool quoted = false;
        for (; end < rest_.size() && (quoted || rest_[end] != ','); ++end) {
            if (rest_[end] == '"') quoted = !quoted;
            if (quoted && rest_[end] == '\\' && end + 1 < rest_.size()) ++end;
        }
        element = ascii::trim(rest_.substr(0, end));
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        if (!element.empty()) return true;
    }
    return false;
}

namespace {

bool list_has(std::string_view list, std::string_view token) noexcept {
    if (list.size() < token.size()) return false;
    if (list.find(',') == list.npos) return ascii::iequals(list, token);  // the usual list of one
    ListWalk walk(list);
    for (std::string_view element; walk.next(element);) {
        if (ascii::iequals(element, token)) return true;
    }
    return false;
}

}  // namespace

bool lists_token(const FieldList& fields, std::string_view buffer, KnownHeader id,
                 std::string_view token) noexcept {
    const HeaderField* field = fields.find(id);
    if (field == nullptr) return false;
    for (; field != fields.end(); ++field) {
        if (field->id == id && list_has(field->value.in(buffer), token)) return true;
    }
    return false;
}

bool is_hop_by_hop(const FieldList& fields, std::string_view buffer, const HeaderField& field) noexcept {
    switch (field.id) {
        case KnownHeader::connection:
        case KnownHeader::keep_alive:
        case KnownHeader::proxy_connection:
        case KnownHeader::te:
        case KnownHeader::trailer:
        case KnownHeader::transfer_encoding:
        case KnownHeader::upgrade:
        case KnownHeader::http2_settings: return true;
        default: return lists_token(fields, buffer, KnownHeader::connection, field.name.in(buffer));
    }
}

}  // namespace berth::http
