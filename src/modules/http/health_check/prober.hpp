// Prober: sends the active checks of one upstream, in the one worker of all whose turn it is.
#pragma once

#include <memory>
#include <vector>

#include "modules/http/health_check/probe.hpp"

namespace berth::http {

// Every worker has one for each upstream with checks. Each asks every second whether it is to check (see
// PeerGroup::claim_checks), and goes on for the one that died, hangs or drains. Destroyed with the worker.
class Prober final : public OwnScope {
 public:
    Prober(Worker& worker, const HealthCheck& check);

    void start();

 private:
    Async<void> run(Scope& scope);
    // False when there is nothing left to do.
    bool turn();
    void follow_peers();

    Worker& worker_;
    const HealthCheck& check_;
    std::vector<std::unique_ptr<Probe>> probes_;
    Root<void> root_;  // last: its frames use all of the above
};

}  // namespace berth::http
