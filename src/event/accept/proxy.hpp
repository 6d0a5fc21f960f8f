// The two ends of strategy=proxy: a front's listening socket, and the worker's behind it.
#pragma once

#include <memory>

#include "event/accept/accept_master.hpp"
#include "event/accept/accept_strategy.hpp"

namespace berth {

// In a front: accepts on the public socket, chooses a worker by the entry's balance, connects to that
// worker's own address and relays. Workers that have died or leave are not chosen, from the moment on in
// which the master knows; nor those that have handoff_window connections waiting. A connection goes to
// another worker as long as none of the client's bytes went to the first. While all have that many waiting,
// it waits, too; while there is no worker, at most accept_hold: then it is closed and counted (dropped).
std::unique_ptr<AcceptStrategy> make_front_strategy(Worker& front, const Listening::Entry& entry,
                                                    ListenerSet::Item& item);

// In a worker: accepts what fronts bring to `socket`, the own address of `slot`: its slot, or one whose
// address it was lent (LentSockets), whatever the entry's strategy is by now. Each connection begins with a
// PROXY header, which says whose it is; over TCP also that a front of ours has brought it. Then it is as if
// the worker had accepted it itself: also a PROXY header of the client's own, where `listen` asks for one,
// comes then.
std::unique_ptr<AcceptStrategy> make_behind_front_strategy(Worker& worker, const Listening::Entry& entry,
                                                           ListenerSet::Item& item, unsigned slot,
                                                           int socket);

// In the master: says who may be chosen, and sees to it that what waits for them is known.
std::unique_ptr<AcceptMaster> make_proxy_master(EventLoop& loop, ListenerSet& listeners,
                                                Scoreboard& scoreboard);

// How many fronts a configuration needs: front_processes, or none when nothing is proxied.
unsigned front_count(const Cycle& cycle);

}  // namespace berth
