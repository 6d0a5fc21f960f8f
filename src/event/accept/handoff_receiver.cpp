// Taking and refusing; and asking the master to listen.
#include "event/accept/handoff_receiver.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/cycle.hpp"
#include "event/process/channel.hpp"
#include "event/process/process_conf.hpp"
#include "event/process/worker.hpp"

namespace berth {

namespace {

// How long a worker takes nothing: without a slot for it, and without a descriptor.
constexpr Duration kNoSlots{10};
constexpr Duration kNoDescriptors{250};

// Two wishes for the same differ in their index alone.
std::string key_of(const ListenQuestion& question) {
    return question.fd >= 0 ? std::to_string(question.fd) : question.address.to_text();
}

// The master is still in the folder that the server was started in.
Result<Address> as_the_master_sees(const Address& address, const ProcessConf& conf) {
    if (!address.is_unix() || !conf.working_directory.is_set()) return address;
    const std::string_view path = address.bytes();
    if (path.starts_with('/') || path.starts_with('\0')) return address;
    std::error_code failed;
    const std::filesystem::path here = std::filesystem::current_path(failed);
    if (failed) return system_error("getcwd", *conf.working_directory, failed.value());
    return Address::unix_path((here / path).string());
}

}  // namespace

HandoffReceiver::HandoffReceiver(Worker& worker)
    : worker_(worker), room_(Callback<>::to<&HandoffReceiver::on_room>(*this)) {
    worker_.row().handoff.set_full(false);
}

HandoffReceiver::~HandoffReceiver() = default;

void HandoffReceiver::serve(std::uint32_t number, Listener& listener, ListenerCounters& counters) {
    served_.insert_or_assign(number, Served{&listener, &counters});
}

void HandoffReceiver::cease(std::uint32_t number) { served_.erase(number); }

bool HandoffReceiver::take(Message& message) {
    if (message.type == MessageType::newconn) return take_connections(message), true;
    if (message.type == MessageType::listen) return take_answer(message), true;
    return false;
}

// The master is told once for all of them, before a byte of any is read.
void HandoffReceiver::take_connections(Message& message) {
    std::string_view rest = message.payload;
    do {
        const std::optional<NewConnection> connection = take_new_connection(rest);
        if (!connection) {
            refuse_unknown(message.fds.size());
            break;
        }
        if (!open(message.take_fd(), *connection)) refuse(connection->listener, connection->ticket);
    } while (!rest.empty());
    tell();
}

// Tickets come in order, and are decided as they come.
void HandoffReceiver::refuse_unknown(std::size_t connections) {
    worker_.log().alert("a connection came from the master in an unknown form: refused");
    for (std::size_t i = 0; i < std::max<std::size_t>(connections, 1); ++i) {
        refuse(ScoreboardRow::kListeners, worker_.row().handoff.last() + 1);
    }
}

// Of a listener that may be served no more.
void HandoffReceiver::refuse(std::size_t listener, std::uint64_t ticket) {
    count(worker_.row().listener(listener).refused);
    refused_ = true;
    worker_.row().handoff.decide(ticket, false);
}

bool HandoffReceiver::open(FileDescriptor fd, const NewConnection& connection) {
    auto found = served_.find(connection.listener);
    if (found == served_.end() || refused_for_now(fd)) return false;
    const Served& served = found->second;
    Connection* opened = worker_.connections().open(std::move(fd), connection.peer, served.listener);
    if (opened == nullptr) {
        worker_.log().error("a connection was refused: {}", system_error("watch", "", errno).message);
        return full_for(kNoDescriptors), false;
    }
    count(served.counters->handed);
    opened->set_held_elsewhere();
    worker_.row().handoff.decide(connection.ticket, true);
    std::unique_ptr<Session> session = served.listener->make_session(*opened);
    if (session != nullptr) {
        opened->set_session(std::move(session));
    } else {
        count(served.counters->dropped);
        worker_.log().warn("a connection to {} was closed: nobody serves it",
                           served.listener->address().to_text());
        opened->close();
    }
    return true;
}

bool HandoffReceiver::refused_for_now(const FileDescriptor& fd) {
    if (!fd) {
        worker_.log().crit(
            "the descriptor of a connection was lost: no more descriptors; it goes to another worker");
        return full_for(kNoDescriptors), true;
    }
    if (worker_.connections().make_room()) return false;
    worker_.log().warn("{} worker_connections are not enough: connections go to other workers",
                       worker_.connections().limit());
    return full_for(kNoSlots), true;
}

void HandoffReceiver::full_for(Duration time) {
    worker_.row().handoff.set_full(true);
    room_.start(worker_.loop(), time);
}

void HandoffReceiver::on_room() {
    if (!worker_.connections().make_room()) return room_.start(worker_.loop(), kNoSlots);
    worker_.row().handoff.set_full(false);
    worker_.tell_master(MessageType::ack);
}

void HandoffReceiver::tell() {
    const bool asked = worker_.row().handoff.take_question();
    const bool refused = std::exchange(refused_, false);
    if (asked || refused) worker_.tell_master(refused ? MessageType::nack : MessageType::ack);
}

// --- listen

Result<std::uint32_t> HandoffReceiver::listen(Wish wish) {
    Result<ListenQuestion> question = question_about(wish);
    if (!question) return question.error();
    const std::string key = key_of(*question);
    if (auto known = indexes_.find(key); known != indexes_.end()) question->index = known->second.next;
    const HandoffPayload payload(*question);
    if (!worker_.tell_master(MessageType::listen, payload.text())) {
        return system_error("listen", question->name(), ENOTCONN);
    }
    Indexes& indexes = indexes_[key];
    ++indexes.next;
    ++indexes.used;
    const std::uint32_t number = question->number;
    dynamic_.insert_or_assign(number, Dynamic{std::move(wish), *std::move(question)});
    return number;
}

Result<ListenQuestion> HandoffReceiver::question_about(const Wish& wish) {
    ListenQuestion question;
    question.number = ++last_question_;
    question.fd = wish.fd;
    question.backlog = wish.backlog;
    question.ipv6_only = wish.ipv6_only;
    question.unix_mode = wish.unix_mode;
    if (wish.fd >= 0) return question;
    Result<Address> address = as_the_master_sees(wish.address, worker_.cycle().conf<ProcessConf>());
    if (!address) return address.error();
    question.address = *std::move(address);
    return question;
}

void HandoffReceiver::unlisten(std::uint32_t number) {
    auto found = dynamic_.find(number);
    if (found == dynamic_.end()) return;
    if (const std::optional<std::uint32_t> listener = found->second.listener) cease(*listener);
    ListenQuestion question = found->second.question;
    question.leave = true;
    const HandoffPayload payload(question);
    worker_.tell_master(MessageType::listen, payload.text());
    forget(found);
}

void HandoffReceiver::forget(std::map<std::uint32_t, Dynamic>::iterator dynamic) {
    auto indexes = indexes_.find(key_of(dynamic->second.question));
    if (--indexes->second.used == 0) indexes_.erase(indexes);
    dynamic_.erase(dynamic);
}

void HandoffReceiver::take_answer(const Message& message) {
    const std::optional<ListenAnswer> answer = read_listen_answer(message.payload);
    if (!answer) return;
    auto found = dynamic_.find(answer->number);
    if (found == dynamic_.end()) return;  // it changed its mind meanwhile
    const Wish& wish = found->second.wish;
    const Callback<const ListenAnswer&> answered = wish.answered;
    if (answer->error != 0) {
        forget(found);
    } else {
        listeners_.push_back(std::make_unique<Listener>(answer->address, ListenOptions()));
        listeners_.back()->open_session(wish.open, wish.user);
        found->second.listener = answer->listener;
        ListenerCounters& counters = worker_.row().listener(ScoreboardRow::kListeners);
        listeners_.back()->count_in(&counters);
        serve(answer->listener, *listeners_.back(), counters);
    }
    if (answered) answered(*answer);
}

}  // namespace berth
