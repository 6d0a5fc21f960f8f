// Status codes and their reason phrases.
#include "modules/http/protocol/status.hpp"

#include <array>
#include <cstddef>

namespace berth::http {
namespace {

constexpr std::string_view kPrefix = "HTTP/1.1 ";

struct Line {
    int status;
    std::string_view text;  // "HTTP/1.1 200 OK\r\n"
};

#define L(code, phrase) \
    Line { code, "HTTP/1.1 " #code " " phrase "\r\n" }
constexpr Line kLines[] = {
    L(100, "Continue"),
    L(101, "Switching Protocols"),
    L(102, "Processing"),
    L(103, "Early Hints"),
    L(200, "OK"),
    L(201, "Created"),
    L(202, "Accepted"),
    L(203, "Non-Authoritative Information"),
    L(204, "No Content"),
    L(205, "Reset Content"),
    L(206, "Partial Content"),
    L(207, "Multi-Status"),
    L(208, "Already Reported"),
    L(226, "IM Used"),
    L(300, "Multiple Choices"),
    L(301, "Moved Permanently"),
    L(302, "Moved Temporarily"),
    L(303, "See Other"),
    L(304, "Not Modified"),
    L(305, "Use Proxy"),
    L(307, "Temporary Redirect"),
    L(308, "Permanent Redirect"),
    L(400, "Bad Request"),
    L(401, "Unauthorized"),
    L(402, "Payment Required"),
    L(403, "Forbidden"),
    L(404, "Not Found"),
    L(405, "Not Allowed"),
    L(406, "Not Acceptable"),
    L(407, "Proxy Authentication Required"),
    L(408, "Request Time-out"),
    L(409, "Conflict"),
    L(410, "Gone"),
    L(411, "Length Required"),
    L(412, "Precondition Failed"),
    L(413, "Request Entity Too Large"),
    L(414, "Request-URI Too Large"),
    L(415, "Unsupported Media Type"),
    L(416, "Requested Range Not Satisfiable"),
    L(417, "Expectation Failed"),
    L(418, "I'm a teapot"),
    L(421, "Misdirected Request"),
    L(422, "Unprocessable Content"),
    L(423, "Locked"),
    L(424, "Failed Dependency"),
    L(425, "Too Early"),
    L(426, "Upgrade Required"),
    L(428, "Precondition Required"),
    L(429, "Too Many Requests"),
    L(431, "Request Header Fields Too Large"),
    L(451, "Unavailable For Legal Reasons"),
    L(500, "Internal Server Error"),
    L(501, "Not Implemented"),
    L(502, "Bad Gateway"),
    L(503, "Service Temporarily Unavailable"),
    L(504, "Gateway Time-out"),
    L(505, "HTTP Version Not Supported"),
    L(506, "Variant Also Negotiates"),
    L(507, "Insufficient Storage"),
    L(508, "Loop Detected"),
    L(510, "Not Extended"),
    L(511, "Network Authentication Required"),
};
#undef L

constexpr int kFirst = 100;
constexpr int kCount = 500;

constexpr auto kByStatus = [] {
    std::array<std::string_view, kCount> table{};
    for (const Line& line : kLines) table[static_cast<std::size_t>(line.status - kFirst)] = line.text;
    return table;
}();

}  // namespace

std::string_view status_line(int status) noexcept {
    if (status < kFirst || status >= kFirst + kCount) return {};
    return kByStatus[static_cast<std::size_t>(status - kFirst)];
}

std::string_view reason_phrase(int status) noexcept {
    const std::string_view line = status_line(status);
    if (line.empty()) return {};
    constexpr std::size_t before = kPrefix.size() + 4;  // the code and a space
    return line.substr(before, line.size() - before - 2);
}

}  // namespace berth::http
