// The master's parts of all strategies, told one after the other.
#include "event/accept/accept_master.hpp"

#include <algorithm>

#include "event/accept/handoff_master.hpp"
#include "event/accept/lent_sockets.hpp"
#include "event/accept/proxy.hpp"
#include "event/accept/shared_master.hpp"

namespace berth {

Sharing::Sharing(EventLoop& loop, Workers& workers, ListenerSet& listeners, Scoreboard& scoreboard) {
    parts_.push_back(make_shared_master(loop, workers, listeners, scoreboard));
    parts_.push_back(make_lending_master(loop, workers, listeners));
    parts_.push_back(std::make_unique<HandoffMaster>(loop, listeners, scoreboard));
    parts_.push_back(make_proxy_master(loop, listeners, scoreboard));
}

void Sharing::serve(const Cycle& cycle) {
    for (auto& part : parts_) part->serve(cycle);
}

void Sharing::started_with(const std::vector<int>& descriptors) {
    for (auto& part : parts_) part->started_with(descriptors);
}

void Sharing::worker_online(WorkerHandle& worker) {
    for (auto& part : parts_) part->worker_online(worker);
}

void Sharing::worker_leaving(WorkerHandle& worker) {
    for (auto& part : parts_) part->worker_leaving(worker);
}

void Sharing::worker_ended(WorkerHandle& worker) {
    for (auto& part : parts_) part->worker_ended(worker);
}

void Sharing::front_gone(WorkerHandle& front) {
    for (auto& part : parts_) part->front_gone(front);
}

void Sharing::overloaded(WorkerHandle& worker) {
    for (auto& part : parts_) part->overloaded(worker);
}

bool Sharing::take(WorkerHandle& worker, Message& message) {
    return std::ranges::any_of(parts_, [&](auto& part) { return part->take(worker, message); });
}

void Sharing::rest() {
    for (auto& part : parts_) part->rest();
}

bool Sharing::stranded() const {
    return std::ranges::any_of(parts_, [](const auto& part) { return part->stranded(); });
}

void Sharing::alone() {
    for (auto& part : parts_) part->alone();
}

void Sharing::close(bool last) {
    for (auto& part : parts_) part->close(last);
}

// Only one of them has sockets of its own.
std::string Sharing::inheritance() const {
    std::string text;
    for (const auto& part : parts_) text += part->inheritance();
    return text;
}

void Sharing::keep_over_exec() const {
    for (const auto& part : parts_) part->keep_over_exec();
}

void Sharing::inherit(std::string_view text) {
    for (auto& part : parts_) part->inherit(text);
}

void Sharing::abandon() noexcept {
    for (auto& part : parts_) part->abandon();
}

}  // namespace berth
