// Response: the head of the answer, as handlers and header filters shape it before it is sent.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/memory/arena.hpp"
#include "modules/http/protocol/known_headers.hpp"

namespace berth::http {

// A field of the response. Texts live in the request's arena or in the configuration.
struct OutField {
    KnownHeader id = KnownHeader::unknown;
    std::string_view name;  // as it is to be written
    std::string_view value;
};

// The response's fields in order. Removing keeps the order of the others.
class OutFields {
 public:
    explicit OutFields(Arena& arena) : arena_(arena) {}
    OutFields(const OutFields&) = delete;
    OutFields& operator=(const OutFields&) = delete;

    void add(KnownHeader id, std::string_view value) { push({id, header_name(id), value}); }
    // As it was read elsewhere: `id` is known_header(name).
    void add(KnownHeader id, std::string_view name, std::string_view value) { push({id, name, value}); }
    void add(std::string_view name, std::string_view value) { push({known_header(name), name, value}); }
    // Replaces every field with this id by one.
    void set(KnownHeader id, std::string_view value);
    void remove(KnownHeader id);
    void remove(std::string_view name);
    // The first field with this id or name; null when there is none.
    const OutField* find(KnownHeader id) const noexcept;
    const OutField* find(std::string_view name) const noexcept;
    void clear() noexcept { size_ = 0; }

    const OutField* begin() const noexcept { return data_; }
    const OutField* end() const noexcept { return data_ + size_; }
    std::size_t size() const noexcept { return size_; }

 private:
    static constexpr std::size_t kInline = 8;

    void push(const OutField& field);
    template <class Match>
    void erase_if(Match match);

    Arena& arena_;
    // Not filled with anything before it is used: every response has one.
    union Inline {
        Inline() noexcept {}
        OutField fields[kInline];
    };
    Inline inline_;
    OutField* data_ = inline_.fields;
    std::size_t size_ = 0;
    std::size_t capacity_ = kInline;
};

// Server, Date, Connection, Content-Length or Transfer-Encoding, Content-Type, Last-Modified, ETag and
// Accept-Ranges are written from the members below, never from `fields`.
struct Response {
    explicit Response(Arena& arena) : fields(arena) {}

    int status = 0;           // 0: nobody has decided yet
    std::string_view reason;  // empty: the standard phrase
    std::optional<std::uint64_t>
        content_length;  // none: unknown, the body is chunked or ends with the connection
    // Set before a handler runs where an X-Accel-Redirect led to it: what the backend says it is. Then that
    // counts, not the type for the URI (see content_type_of()); another backend's own type counts more.
    std::string_view content_type;
    std::string_view charset;                   // appended to content_type
    bool no_charset = false;                    // there is none, whatever the directive `charset` says
    std::optional<std::int64_t> last_modified;  // seconds since 1970
    std::string_view etag;                      // with its quotes
    bool accept_ranges = false;                 // the body can be cut by the range filter
    // It comes from a backend, which has looked at the request's conditions itself.
    bool relayed = false;
    // How many bytes a second are sent once limit_rate_after of them have been; 0: as fast as can be. None:
    // limit_rate decides.
    std::optional<std::uint64_t> limit_rate;
    std::uint64_t limit_rate_after = 0;
    OutFields fields;
    // Sent behind a chunked body when the client understands it (add_trailer).
    OutField* trailers = nullptr;
    std::size_t trailer_count = 0;

    // Back to nothing, for error pages and redirects; only before the head was sent.
    void reset() noexcept;
};

}  // namespace berth::http
