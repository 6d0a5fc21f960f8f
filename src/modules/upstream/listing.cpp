// Upstreams as a table for people, and as JSON for programs.
#include "modules/upstream/listing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/metrics/status_writer.hpp"
#include "core/time/clock.hpp"
#include "modules/upstream/peer_group.hpp"
#include "modules/upstream/upstream_status.hpp"
#include "modules/upstream/upstreams.hpp"

namespace berth::upstream {

namespace {

constexpr std::size_t kColumns = 8;
using Row = std::array<std::string, kColumns>;

std::string age(std::uint64_t since, std::uint64_t now) {
    if (since == 0) return "";
    const std::uint64_t seconds = (now - std::min(now, since)) / 1000;
    if (seconds < 120) return fmt::format("{}s", seconds);
    if (seconds < 7200) return fmt::format("{}m", seconds / 60);
    return fmt::format("{}h", seconds / 3600);
}

std::string weight_of(const PeerView& peer) {
    return fmt::format("{}{}", peer.parameters.weight, peer.parameters.backup ? " backup" : "");
}

std::string active_of(const PeerView& peer) {
    if (peer.parameters.max_conns == 0) return fmt::format("{}", peer.active);
    return fmt::format("{}/{}", peer.active, peer.parameters.max_conns);
}

Row row_of(const PeerView& peer, std::uint64_t now) {
    return {"  " + peer.name,
            std::string(to_text(peer.condition)),
            age(peer.since, now),
            weight_of(peer),
            active_of(peer),
            fmt::format("{}", peer.idle),
            fmt::format("{}", peer.requests),
            peer.reason};
}

std::string lay_out(const std::vector<Row>& rows) {
    std::array<std::size_t, kColumns> widths{};
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const Row& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < kColumns; ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

}  // namespace

std::string list_as_table(const Upstreams& upstreams, const Upstream* only) {
    const std::uint64_t now = monotonic_ms();
    std::string text;
    for (const auto& upstream : upstreams.all()) {
        if (only != nullptr && upstream.get() != only) continue;
        const std::string kept = upstream->state_path.empty() ? "" : ", kept in " + upstream->state_path;
        text += fmt::format("{}{}{}\n", text.empty() ? "" : "\n", upstream->name(), kept);
        std::vector<Row> rows = {
            {"  SERVER", "CONDITION", "SINCE", "WEIGHT", "ACTIVE", "KEPT", "REQUESTS", "REASON"}};
        for (const PeerView& peer : upstream->group().view(now)) rows.push_back(row_of(peer, now));
        text += lay_out(rows);
    }
    return text.empty() ? "there is no upstream\n" : text;
}

std::string list_as_json(const Upstreams& upstreams, const Upstream* only) {
    std::string text;
    const std::unique_ptr<StatusWriter> out = make_json_status(text, 2);
    write_upstreams(*out, "upstreams", upstreams, monotonic_ms(), only);
    out->finish();
    return text;
}

}  // namespace berth::upstream
