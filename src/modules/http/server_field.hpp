// The Server and Date fields, formatted once a second.
#pragma once

#include <string_view>

#include "core/time/clock.hpp"
#include "modules/http/core_conf.hpp"

namespace berth::http {

// "Server: berth/0.1.0\r\nDate: …\r\n". Without Server when the response has a field of that name already.
// Valid until the clock is updated.
std::string_view server_and_date(const WallClock& clock, Tokens tokens, bool date_only);

// "berth/0.1.0", or "berth" when the version is not to be told.
std::string_view server_label(Tokens tokens) noexcept;

}  // namespace berth::http
