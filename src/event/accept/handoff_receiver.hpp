// HandoffReceiver: a worker's side of the handoff: it takes connections from the master, or refuses them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/result.hpp"
#include "event/accept/handoff_message.hpp"
#include "event/callback.hpp"
#include "event/listener.hpp"
#include "event/loop.hpp"
#include "event/process/scoreboard.hpp"

namespace berth {

class Worker;
struct Message;

// One for each worker. A connection is taken before a byte of it is read; one that finds no slot, no
// descriptor or nobody who serves it is refused, and goes to another worker.
class HandoffReceiver {
 public:
    explicit HandoffReceiver(Worker& worker);
    HandoffReceiver(const HandoffReceiver&) = delete;
    HandoffReceiver& operator=(const HandoffReceiver&) = delete;
    ~HandoffReceiver();

    // Connections of the listener of that number are served from now on, or no more. The listener stays with
    // its connections; it outlives them.
    void serve(std::uint32_t number, Listener& listener, ListenerCounters& counters);
    void cease(std::uint32_t number);

    // newconn, and answers to listen(). False when the message is another one.
    bool take(Message& message);

    // --- addresses that the configuration does not name

    struct Wish {
        // Workers that wish for the same address share a socket: the first wish of each with those of the
        // others, the second with the second ones; also when the port is 0 and the kernel chooses. The first
        // to ask decides about the socket. They are counted until the worker has let go of all it wished
        // for at that address. The path of a unix socket may be relative to this worker's folder.
        Address address;
        // Not -1: instead of an address, the number of a listening socket that the server was started with.
        int fd = -1;
        int backlog = 511;
        bool ipv6_only = true;
        int unix_mode = -1;  // permissions of a unix socket's path; -1: 0666
        Listener::OpenSession open = nullptr;
        void* user = nullptr;
        // With the address as it is, and error 0; or with the errno of why it cannot be. It may be wished for
        // again then.
        Callback<const ListenAnswer&> answered;
    };
    // Asks the master to listen there and to hand this worker its share of the connections. Returns the
    // number for unlisten(). Fails when there is no master.
    Result<std::uint32_t> listen(Wish wish);
    // Connections that come nevertheless, as they were on their way, go to other workers.
    void unlisten(std::uint32_t number);

 private:
    struct Served {
        Listener* listener = nullptr;
        ListenerCounters* counters = nullptr;
    };
    struct Dynamic {
        Wish wish;
        ListenQuestion question;
        std::optional<std::uint32_t> listener{};  // once it is answered
    };
    // Of the wishes for one address.
    struct Indexes {
        std::uint32_t next = 0;
        std::size_t used = 0;
    };

    void take_connections(Message& message);
    void take_answer(const Message& message);
    Result<ListenQuestion> question_about(const Wish& wish);
    void forget(std::map<std::uint32_t, Dynamic>::iterator dynamic);
    bool open(FileDescriptor fd, const NewConnection& connection);
    void refuse(std::size_t listener, std::uint64_t ticket);
    void refuse_unknown(std::size_t connections);
    bool refused_for_now(const FileDescriptor& fd);
    void full_for(Duration time);
    void on_room();
    void tell();

    Worker& worker_;
    std::map<std::uint32_t, Served> served_;
    std::map<std::uint32_t, Dynamic> dynamic_;
    std::map<std::string, Indexes> indexes_;  // by key_of()
    // They stay: connections name them.
    std::vector<std::unique_ptr<Listener>> listeners_;
    std::uint32_t last_question_ = 0;
    bool refused_ = false;
    Timer room_;
};

}  // namespace berth
