// HealthCheck: what `health_check` and `match` say.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/config/loader.hpp"
#include "modules/http/health_check/answer_match.hpp"
#include "modules/upstream/peer_group.hpp"
#include "modules/upstream/upstream.hpp"

namespace berth::http {

class Prober;

// The active checks of one upstream.
struct HealthCheck {
    enum class Type : std::uint8_t { http, tcp };

    // In a location: where proxy_pass (or fastcgi_pass, …) leads, found when all is read; until then null.
    upstream::Upstream* upstream = nullptr;
    std::string passed_by;  // that directive
    std::string passed_to;  // what names it
    Origin passed_at;
    Type type = Type::http;
    upstream::Milliseconds interval{5000};     // from the beginning of one check to that of the next
    upstream::Milliseconds jitter{0};          // up to so much is added by chance
    upstream::Milliseconds keepalive_time{0};  // how old a connection for checks may become; 0: one for each
    upstream::CheckRules rules;
    std::string uri = "/";
    // Of the request, by proxy_set_header around it; empty: the upstream's name is the Host.
    std::string host;
    std::string agent = "berth-health-check";
    std::string fields;      // "Name: value\r\n" each
    std::uint16_t port = 0;  // 0: the peer's own
    std::string match_name;
    const AnswerMatch* match = nullptr;
    Origin match_at;
    Origin at;

    // How long an answer may take. A check that is not answered is repeated at once, until `fails` in a row
    // were not: so that a peer which hangs is out within `fails` intervals, of which the first may pass
    // before it is asked.
    Duration limit() const noexcept {
        return rules.fails > 1 ? std::max(interval * (rules.fails - 1) / rules.fails, Duration(1)) : interval;
    }
};

// Once in a configuration.
struct HealthConf {
    std::vector<std::unique_ptr<HealthCheck>> checks;
    std::vector<std::unique_ptr<AnswerMatch>> matches;
    AnswerMatch fallback = AnswerMatch::successful();

    // The match and the upstream of each check, which may stand behind it in the file.
    void finish(Loader& loader);

 private:
    void find_match(Loader& loader, HealthCheck& check) const;
    void find_upstream(Loader& loader, HealthCheck& check) const;
};

// In upstream{}, or in a location{} beside the proxy_pass (fastcgi_pass, …) that names the upstream, as nginx
// Plus has it.
void take_health_check(Loader& loader, const Node& node);
void take_match(Loader& loader, const Node& node);

}  // namespace berth::http
