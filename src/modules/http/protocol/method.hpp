// The request methods that the server tells apart.
#pragma once

#include <cstdint>
#include <string_view>

namespace berth::http {

// Bits, so that a set of methods (limit_except, proxy_cache_methods) is one integer.
enum class Method : std::uint32_t {
    other = 1 << 0,
    get = 1 << 1,
    head = 1 << 2,
    post = 1 << 3,
    put = 1 << 4,
    del = 1 << 5,
    options = 1 << 6,
    patch = 1 << 7,
    trace = 1 << 8,
    connect = 1 << 9,
    mkcol = 1 << 10,
    copy = 1 << 11,
    move = 1 << 12,
    propfind = 1 << 13,
    proppatch = 1 << 14,
    lock = 1 << 15,
    unlock = 1 << 16,
};

// Methods are case-sensitive (RFC 9110 9.1). Unknown ones are Method::other.
constexpr Method method_of(std::string_view text) noexcept {
    switch (text.size()) {
        case 3: return text == "GET" ? Method::get : text == "PUT" ? Method::put : Method::other;
        case 4:
            if (text == "POST") return Method::post;
            if (text == "HEAD") return Method::head;
            if (text == "COPY") return Method::copy;
            if (text == "MOVE") return Method::move;
            return text == "LOCK" ? Method::lock : Method::other;
        case 5:
            if (text == "PATCH") return Method::patch;
            if (text == "TRACE") return Method::trace;
            return text == "MKCOL" ? Method::mkcol : Method::other;
        case 6: return text == "DELETE" ? Method::del : text == "UNLOCK" ? Method::unlock : Method::other;
        case 7:
            return text == "OPTIONS" ? Method::options : text == "CONNECT" ? Method::connect : Method::other;
        case 8: return text == "PROPFIND" ? Method::propfind : Method::other;
        case 9: return text == "PROPPATCH" ? Method::proppatch : Method::other;
        default: return Method::other;
    }
}

}  // namespace berth::http
