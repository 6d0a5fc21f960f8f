// The header fields that the server knows by number, and their recognition.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace berth::http {

// clang-format off
// id, canonical spelling
#define BERTH_KNOWN_HEADERS(X) \
    X(accept, "Accept") \
    X(accept_ch, "Accept-CH") \
    X(accept_charset, "Accept-Charset") \
    X(accept_encoding, "Accept-Encoding") \
    X(accept_language, "Accept-Language") \
    X(accept_ranges, "Accept-Ranges") \
    X(access_control_allow_origin, "Access-Control-Allow-Origin") \
    X(access_control_request_headers, "Access-Control-Request-Headers") \
    X(access_control_request_method, "Access-Control-Request-Method") \
    X(age, "Age") \
    X(allow, "Allow") \
    X(alt_svc, "Alt-Svc") \
    X(authorization, "Authorization") \
    X(cache_control, "Cache-Control") \
    X(connection, "Connection") \
    X(content_disposition, "Content-Disposition") \
    X(content_encoding, "Content-Encoding") \
    X(content_language, "Content-Language") \
    X(content_length, "Content-Length") \
    X(content_location, "Content-Location") \
    X(content_range, "Content-Range") \
    X(content_security_policy, "Content-Security-Policy") \
    X(content_type, "Content-Type") \
    X(cookie, "Cookie") \
    X(dnt, "DNT") \
    X(date, "Date") \
    X(depth, "Depth") \
    X(destination, "Destination") \
    X(etag, "ETag") \
    X(early_data, "Early-Data") \
    X(expect, "Expect") \
    X(expires, "Expires") \
    X(forwarded, "Forwarded") \
    X(from, "From") \
    X(http2_settings, "HTTP2-Settings") \
    X(host, "Host") \
    X(if_, "If") \
    X(if_match, "If-Match") \
    X(if_modified_since, "If-Modified-Since") \
    X(if_none_match, "If-None-Match") \
    X(if_range, "If-Range") \
    X(if_unmodified_since, "If-Unmodified-Since") \
    X(keep_alive, "Keep-Alive") \
    X(last_modified, "Last-Modified") \
    X(link, "Link") \
    X(location, "Location") \
    X(max_forwards, "Max-Forwards") \
    X(origin, "Origin") \
    X(overwrite, "Overwrite") \
    X(pragma, "Pragma") \
    X(priority, "Priority") \
    X(proxy_authenticate, "Proxy-Authenticate") \
    X(proxy_authorization, "Proxy-Authorization") \
    X(proxy_connection, "Proxy-Connection") \
    X(range, "Range") \
    X(referer, "Referer") \
    X(refresh, "Refresh") \
    X(retry_after, "Retry-After") \
    X(sec_ch_ua, "Sec-CH-UA") \
    X(sec_ch_ua_mobile, "Sec-CH-UA-Mobile") \
    X(sec_ch_ua_platform, "Sec-CH-UA-Platform") \
    X(sec_fetch_dest, "Sec-Fetch-Dest") \
    X(sec_fetch_mode, "Sec-Fetch-Mode") \
    X(sec_fetch_site, "Sec-Fetch-Site") \
    X(sec_fetch_user, "Sec-Fetch-User") \
    X(sec_gpc, "Sec-GPC") \
    X(sec_websocket_accept, "Sec-WebSocket-Accept") \
    X(sec_websocket_extensions, "Sec-WebSocket-Extensions") \
    X(sec_websocket_key, "Sec-WebSocket-Key") \
    X(sec_websocket_protocol, "Sec-WebSocket-Protocol") \
    X(sec_websocket_version, "Sec-WebSocket-Version") \
    X(server, "Server") \
    X(set_cookie, "Set-Cookie") \
    X(strict_transport_security, "Strict-Transport-Security") \
    X(te, "TE") \
    X(trailer, "Trailer") \
    X(transfer_encoding, "Transfer-Encoding") \
    X(upgrade, "Upgrade") \
    X(upgrade_insecure_requests, "Upgrade-Insecure-Requests") \
    X(user_agent, "User-Agent") \
    X(vary, "Vary") \
    X(via, "Via") \
    X(www_authenticate, "WWW-Authenticate") \
    X(warning, "Warning") \
    X(x_accel_buffering, "X-Accel-Buffering") \
    X(x_accel_charset, "X-Accel-Charset") \
    X(x_accel_expires, "X-Accel-Expires") \
    X(x_accel_limit_rate, "X-Accel-Limit-Rate") \
    X(x_accel_redirect, "X-Accel-Redirect") \
    X(x_content_type_options, "X-Content-Type-Options") \
    X(x_forwarded_for, "X-Forwarded-For") \
    X(x_forwarded_host, "X-Forwarded-Host") \
    X(x_forwarded_proto, "X-Forwarded-Proto") \
    X(x_forwarded_port, "X-Forwarded-Port") \
    X(x_frame_options, "X-Frame-Options") \
    X(x_powered_by, "X-Powered-By") \
    X(x_real_ip, "X-Real-IP") \
    X(x_request_id, "X-Request-ID") \
    X(x_requested_with, "X-Requested-With")
// clang-format on

enum class KnownHeader : std::uint8_t {
    unknown,
#define X(id, text) id,
    BERTH_KNOWN_HEADERS(X)
#undef X
};

// The number of ids, `unknown` among them: the size of a table indexed by id.
inline constexpr std::size_t kKnownHeaderCount = 1
#define X(id, text) +1
    BERTH_KNOWN_HEADERS(X)
#undef X
    ;

// The id of a name in any letter case; unknown when it is none of the above. No allocation, no loop over
// names.
KnownHeader known_header(std::string_view name) noexcept;

// "Content-Type"; empty for unknown.
std::string_view header_name(KnownHeader id) noexcept;

}  // namespace berth::http
