// The cache of the lines that every response has.
#include "modules/http/server_field.hpp"

#include <ctime>
#include <string>

#include "core/build_info.hpp"

namespace berth::http {

namespace {

struct Lines {
    std::time_t second = -1;
    std::string text;
    std::size_t date_at = 0;
};

thread_local Lines cached[3];

}  // namespace

std::string_view server_label(Tokens tokens) noexcept {
    switch (tokens) {
        case Tokens::off: return "berth";
        case Tokens::on: return "berth/" BERTH_VERSION;
        case Tokens::build: return "berth/" BERTH_VERSION " (" __VERSION__ ")";
    }
    return "berth";
}

std::string_view server_and_date(const WallClock& clock, Tokens tokens, bool date_only) {
    Lines& lines = cached[static_cast<std::size_t>(tokens)];
    if (lines.second != clock.seconds()) {
        lines.second = clock.seconds();
        lines.text = "Server: ";
        lines.text += server_label(tokens);
        lines.text += "\r\n";
        lines.date_at = lines.text.size();
        lines.text += "Date: ";
        lines.text += clock.http_date();
        lines.text += "\r\n";
    }
    const std::string_view text = lines.text;
    return date_only ? text.substr(lines.date_at) : text;
}

}  // namespace berth::http
