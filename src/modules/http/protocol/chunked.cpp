// The chunked transfer coding: a byte-wise machine for the framing, whole slices for the data.
#include "modules/http/protocol/chunked.hpp"

#include <algorithm>
#include <limits>

#include "core/text/ascii.hpp"
#include "core/text/number.hpp"
#include "modules/http/protocol/scan.hpp"

namespace berth::http {

void ChunkedDecoder::reset() {
    const bool keep = keep_trailers_;
    *this = ChunkedDecoder(keep);
}

ChunkedDecoder::Step ChunkedDecoder::next(std::string_view input) {
    std::size_t at = 0;
    while (state_ != State::done && state_ != State::failed) {
        if (at == input.size()) return {Status::more, at, {}};
        if (state_ == State::data) {
            const std::size_t size =
                static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size() - at));
            remaining_ -= size;
            total_ += size;
            if (remaining_ == 0) state_ = State::data_cr;
            return {Status::data, at + size, input.substr(at, size)};
        }
        if (take(static_cast<unsigned char>(input[at]))) ++at;
    }
    return {state_ == State::done ? Status::done : Status::error, at, {}};
}

bool ChunkedDecoder::take(unsigned char c) {
    switch (state_) {
        case State::size_first:
        case State::size:
        case State::size_space:
        case State::extension:
        case State::size_lf:
            if (++line_ > kMaxLine) return fail("client sent too long chunk size line");
            return state_ == State::extension || state_ == State::size_space ? take_extension(c)
                                                                             : take_size(c);
        case State::data_cr:
            if (c != '\r') return fail("client sent chunk data without CRLF");
            state_ = State::data_lf;
            return true;
        case State::data_lf:
            if (c != '\n') return fail("client sent chunk data without CRLF");
            state_ = State::size_first;
            line_ = 0;
            return true;
        default: return take_trailer(c);
    }
}

bool ChunkedDecoder::take_size(unsigned char c) {
    if (state_ == State::size_lf) {
        if (c != '\n') return fail("client sent chunk size line with bare CR");
        state_ = remaining_ == 0 ? State::trailer_start : State::data;
        return true;
    }
    const int digit = ascii::hex_value(static_cast<char>(c));
    if (digit >= 0) {
        if (remaining_ >> 59 != 0) return fail("client sent too large chunk size");
        remaining_ = remaining_ << 4 | static_cast<unsigned>(digit);
        if (remaining_ > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) - total_) {
            return fail("client sent too large chunked body");
        }
        state_ = State::size;
        return true;
    }
    if (state_ == State::size_first) return fail("client sent invalid chunk size");
    switch (c) {
        case '\r': state_ = State::size_lf; return true;
        case ';': state_ = State::extension; return true;
        case ' ':
        case '\t': state_ = State::size_space; return true;
        default: return fail("client sent invalid chunk size");
    }
}

// Extensions are ignored (RFC 9112 7.1.1), but no control byte hides in them.
bool ChunkedDecoder::take_extension(unsigned char c) {
    if (state_ == State::size_space) {
        if (c == ';') state_ = State::extension;
        return c == ';' || c == ' ' || c == '\t' || fail("client sent invalid chunk size");
    }
    if (c == '\r') {
        state_ = State::size_lf;
        return true;
    }
    return !ValueEnd::match(c) || fail("client sent invalid chunk extension");
}

bool ChunkedDecoder::take_trailer(unsigned char c) {
    if (++trailing_ > kMaxTrailers) return fail("client sent too long trailers");
    const NameByte kind = name_byte(c);
    switch (state_) {
        case State::trailer_start:
            if (c == '\r') {
                state_ = State::end_lf;
                break;
            }
            if (kind > NameByte::token) return fail("client sent invalid trailer line");
            state_ = State::trailer_name;
            break;
        case State::trailer_name:
            if (kind > NameByte::colon) return fail("client sent invalid trailer line");
            if (kind == NameByte::colon) state_ = State::trailer_value;
            break;
        case State::trailer_value:
            if (c != '\r' && ValueEnd::match(c)) return fail("client sent invalid trailer line");
            if (c == '\r') state_ = State::trailer_lf;
            break;
        case State::trailer_lf:
            if (c != '\n') return fail("client sent trailer line with bare CR");
            ++trailer_fields_;
            state_ = State::trailer_start;
            break;
        default:
            if (c != '\n') return fail("client sent invalid end of chunked body");
            state_ = State::done;
            break;
    }
    if (keep_trailers_) trailers_.push_back(static_cast<char>(c));
    return true;
}

bool ChunkedDecoder::fail(std::string_view words) {
    refusal_ = {400, words};
    state_ = State::failed;
    return false;
}

bool forbidden_in_trailer(KnownHeader id) noexcept {
    switch (id) {
        case KnownHeader::transfer_encoding:
        case KnownHeader::content_length:
        case KnownHeader::content_encoding:
        case KnownHeader::content_type:
        case KnownHeader::content_range:
        case KnownHeader::host:
        case KnownHeader::connection:
        case KnownHeader::keep_alive:
        case KnownHeader::proxy_connection:
        case KnownHeader::upgrade:
        case KnownHeader::http2_settings:
        case KnownHeader::trailer:
        case KnownHeader::te:
        case KnownHeader::expect:
        case KnownHeader::max_forwards:
        case KnownHeader::cache_control:
        case KnownHeader::pragma:
        case KnownHeader::range:
        case KnownHeader::if_match:
        case KnownHeader::if_none_match:
        case KnownHeader::if_modified_since:
        case KnownHeader::if_unmodified_since:
        case KnownHeader::if_range:
        case KnownHeader::authorization:
        case KnownHeader::proxy_authorization:
        case KnownHeader::proxy_authenticate:
        case KnownHeader::www_authenticate:
        case KnownHeader::cookie:
        case KnownHeader::set_cookie:
        case KnownHeader::age:
        case KnownHeader::date:
        case KnownHeader::expires:
        case KnownHeader::location:
        case KnownHeader::retry_after:
        case KnownHeader::vary:
        case KnownHeader::warning:
        case KnownHeader::forwarded:
        case KnownHeader::x_forwarded_for:
        case KnownHeader::x_forwarded_host:
        case KnownHeader::x_forwarded_proto:
        case KnownHeader::x_forwarded_port:
        case KnownHeader::x_real_ip: return true;
        default: return false;
    }
}

std::size_t write_chunk_head(char (&out)[kMaxChunkHead], std::uint64_t size) noexcept {
    char* end = format_hex(out, size);
    *end++ = '\r';
    *end++ = '\n';
    return static_cast<std::size_t>(end - out);
}

}  // namespace berth::http
