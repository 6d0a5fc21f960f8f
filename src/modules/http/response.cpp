// The list of response fields.
#include "modules/http/response.hpp"

#include <algorithm>

#include "core/text/ascii.hpp"

namespace berth::http {

void OutFields::push(const OutField& field) {
    if (size_ == capacity_) {
        auto larger = arena_.array<OutField>(capacity_ * 2);
        std::copy_n(data_, size_, larger.data());
        data_ = larger.data();
        capacity_ *= 2;
    }
    data_[size_++] = field;
}

template <class Match>
void OutFields::erase_if(Match match) {
    size_ = static_cast<std::size_t>(std::remove_if(data_, data_ + size_, match) - data_);
}

void OutFields::set(KnownHeader id, std::string_view value) {
    remove(id);
    add(id, value);
}

void OutFields::remove(KnownHeader id) {
    erase_if([id](const OutField& field) { return field.id == id; });
}

void OutFields::remove(std::string_view name) {
    erase_if([name](const OutField& field) { return ascii::iequals(field.name, name); });
}

const OutField* OutFields::find(KnownHeader id) const noexcept {
    auto found = std::find_if(begin(), end(), [id](const OutField& field) { return field.id == id; });
    return found != end() ? found : nullptr;
}

const OutField* OutFields::find(std::string_view name) const noexcept {
    auto found = std::find_if(begin(), end(),
                              [name](const OutField& field) { return ascii::iequals(field.name, name); });
    return found != end() ? found : nullptr;
}

void Response::reset() noexcept {
    status = 0;
    reason = {};
    content_length.reset();
    content_type = {};
    charset = {};
    no_charset = false;
    last_modified.reset();
    etag = {};
    accept_ranges = false;
    relayed = false;
    fields.clear();
    trailers = nullptr;
    trailer_count = 0;
}

}  // namespace berth::http
