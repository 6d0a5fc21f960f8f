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

    upstream::Upstream* upstream = nullptr;
    Type type = Type::http;
    upstream::Milliseconds interval{
        5000};                         // from the beginning of one check to that of the next, and its limit
    upstream::Milliseconds jitter{0};  // up to so much is added by chance
    upstream::CheckRules rules;
    std::string uri = "/";
    std::uint16_t port = 0;  // 0: the peer's own
    std::string match_name;
    const AnswerMatch* match = nullptr;
    Origin match_at;
    Origin at;
};

// Once in a configuration.
struct HealthConf {
    std::vector<std::unique_ptr<HealthCheck>> checks;
    std::vector<std::unique_ptr<AnswerMatch>> matches;
    AnswerMatch fallback = AnswerMatch::successful();

    // The match of each check, which may stand behind it in the file.
    void finish(Loader& loader);
};

void take_health_check(Loader& loader, const Node& node);  // in upstream{}
void take_match(Loader& loader, const Node& node);

}  // namespace berth::http
