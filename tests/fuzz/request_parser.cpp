// Fuzzes the request head parser: the verdict must not depend on how the bytes are split.
#include "modules/http/protocol/request_parser.hpp"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "core/memory/arena.hpp"
#include "modules/http/protocol/framing.hpp"
#include "modules/http/protocol/scan.hpp"
#include "modules/http/protocol/uri.hpp"

namespace {

using namespace berth;
using namespace berth::http;
using Status = RequestParser::Status;

void require(bool condition) {
    if (!condition) std::abort();
}

// Each call sees a copy of exactly the right size at a new place, so that a read beyond it or a kept pointer
// shows.
Status feed_growing(RequestParser& parser, std::string_view text, std::size_t step) {
    for (std::size_t size = 0;;) {
        size = std::min(size + step, text.size());
        const std::vector<char> copy(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
        const Status status = parser.feed({copy.data(), copy.size()});
        if (status != Status::more || size == text.size()) return status;
    }
}

bool same(Slice a, Slice b) { return a.begin == b.begin && a.length == b.length; }

void require_same(const RequestHead& a, const RequestHead& b) {
    require(a.method == b.method && a.form == b.form && a.minor_version == b.minor_version);
    require(same(a.line, b.line) && same(a.target, b.target) && same(a.path, b.path) &&
            same(a.query, b.query));
    require(same(a.authority, b.authority) && a.dropped_fields == b.dropped_fields);
    require(a.fields.size() == b.fields.size());
    for (std::size_t i = 0; i < a.fields.size(); ++i) {
        require(same(a.fields[i].name, b.fields[i].name) && same(a.fields[i].value, b.fields[i].value));
        require(a.fields[i].id == b.fields[i].id);
    }
}

// What every other part relies on.
void require_sound(const RequestHead& head, std::string_view text) {
    for (const HeaderField& field : head.fields) {
        require(is_token(field.name.in(text)) && is_field_value(field.value.in(text)));
        require(field.id == known_header(field.name.in(text)));
    }
    require(find_first<TargetEnd>(head.target.in(text), 0) == head.target.length);
    Arena arena;
    const RequestHost host = request_host(head, text, arena);
    require(host.refusal || is_field_value(host.host.name));
    const Framing framing = body_framing(head, text);
    require((framing.kind == Framing::Kind::error) == bool(framing.refusal));
    const NormalPath path = normalize_path(head.path.in(text), arena);
    require(path.refusal || path.path.front() == '/');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    HeadOptions options;  // small limits, so that they are met
    options.max_line = 64 + data[0];
    options.max_head = 300 + data[0];
    options.max_fields = 8;
    options.ignore_invalid = (data[1] & 1) == 0;
    options.bare_lf = (data[1] & 2) == 0;
    options.underscores = static_cast<Underscores>((data[1] >> 2) % 3);
    const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
    RequestParser whole(options);
    const Status status = feed_growing(whole, text, text.size() + 1);
    for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{data[1]} + 1}) {
        RequestParser split(options);
        require(feed_growing(split, text, step) == status);
        if (status == Status::error) require(split.refusal().words == whole.refusal().words);
        if (status != Status::done) continue;
        require(split.consumed() == whole.consumed());
        require_same(split.head(), whole.head());
    }
    if (status == Status::done) require_sound(whole.head(), text);
    return 0;
}
