// Expires: what `expires` says about how long an answer may be kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "modules/http/request.hpp"

namespace berth::http {

struct Expires {
    enum class Kind : std::uint8_t {
        off,
        after,     // TIME: counted from now
        modified,  // modified TIME: counted from the last modification
        daily,     // @TIME: at that time of the day
        epoch,
        max,
    };
    Kind kind = Kind::off;
    std::int64_t seconds = 0;

    // "30d", "-1", "@15h30m", "epoch", "max", "off"; nothing for anything else.
    static std::optional<Expires> parse(std::string_view text);

    // Sets Expires and Cache-Control, in place of what is there.
    void apply(Request& request) const;
};

}  // namespace berth::http
