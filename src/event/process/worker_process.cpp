// A worker's conversation with its master, and with whoever sends it signals.
#include "event/process/worker_process.hpp"

#include <fmt/format.h>
#include <signal.h>

#include "core/system/process_title.hpp"
#include "event/events_module.hpp"
#include "event/process/channel.hpp"
#include "event/process/privileges.hpp"
#include "event/process/process_conf.hpp"
#include "event/process/runtime_files.hpp"
#include "event/process/signals.hpp"
#include "event/process/startup.hpp"

namespace berth {

namespace {

constexpr int kCannotStart = 2;

std::string title(const WorkerIdentity& identity) {
    return fmt::format("berth: {} {} (generation {})", to_text(identity.role), identity.slot,
                       identity.generation);
}

// Fronts run beside the workers, on the next processors.
unsigned processor_slot(const WorkerStart& start) {
    const unsigned slot = start.identity.slot;
    if (start.identity.role != ProcessRole::front) return slot;
    return worker_count(start.cycle.conf<ProcessConf>()) + slot;
}

class WorkerProcess {
 public:
    WorkerProcess(EventLoop& loop, WorkerStart& start)
        : loop_(loop),
          start_(start),
          worker_(loop, start.cycle, start.identity, start.scoreboard, start.row, start.listeners),
          channel_(loop, std::move(start.channel), Callback<Message&>::to<&WorkerProcess::on_message>(*this),
                   Callback<>::to<&WorkerProcess::on_master_gone>(*this)),
          signals_(loop, Callback<const SignalEvent&>::to<&WorkerProcess::on_signal>(*this)) {}

    Result<void> start() {
        if (Result<void> started = signals_.start(); !started) return started;
        if (Result<void> started = channel_.start(); !started) return started;
        worker_.talk_to(channel_);
        worker_.when_left(Callback<>::to<&WorkerProcess::on_left>(*this));
        worker_.when_overloaded(Callback<>::to<&WorkerProcess::on_overloaded>(*this));
        Result<void> started = worker_.start();
        if (started) {
            channel_.send(MessageType::ready);
        } else {
            channel_.send(MessageType::disconnect, started.error().message);
        }
        return started;
    }

 private:
    Log& log() { return start_.cycle.log(); }

    void on_message(Message& message) {
        switch (message.type) {
            case MessageType::online: return worker_.accept_connections();
            case MessageType::nudge: return worker_.nudge();
            case MessageType::quit: return drain(message.payload == "now" ? Drain::at_once : Drain::politely);
            case MessageType::reopen: return reopen(message);
            default: return worker_.take(message);
        }
    }

    void reopen(Message& message) {
        FileDescriptor fd = message.take_fd();
        if (!fd) return log().error("the new descriptor of \"{}\" was lost", message.payload);
        if (Result<FileDescriptor> copy = duplicate(fd.get())) {
            start_.cycle.own<RuntimeFiles>().adopt(message.payload, *std::move(copy));
        }
        log().adopt(message.payload, std::move(fd));
        redirect_standard_error(log());
    }

    // A master that is stopped has been told often enough.
    void on_overloaded() {
        if (channel_.queued() == 0) channel_.send(MessageType::nudge);
    }

    void on_master_gone() {
        log().alert("the master process is gone, finishing");
        drain(Drain::politely);
    }

    void on_signal(const SignalEvent& signal) {
        // The others are the master's business, also when a terminal sends them to everybody.
        if (signal.number == SIGTERM) {
            worker_.stop();
            loop_.stop();
        } else if (signal.number == SIGQUIT && !signal.by_terminal) {
            drain(Drain::politely);
        }
    }

    void drain(Drain how) {
        if (!worker_.draining()) {
            log().info("gracefully shutting down");
            set_process_title(title(start_.identity) + " is shutting down");
        }
        worker_.drain(how, Callback<>::to<&WorkerProcess::on_drained>(*this));
    }

    void on_left() {
        start_.listeners.close();
        channel_.send(MessageType::disconnect);
    }

    void on_drained() { loop_.stop(); }

    EventLoop& loop_;
    WorkerStart& start_;
    Worker worker_;
    Channel channel_;
    SignalSource signals_;
};

Result<void> serve(WorkerStart& start) {
    set_process_title(title(start.identity));
    start.listeners.keep_own(start.cycle.conf<Listening>(), start.identity.slot, start.identity.role);
    Result<void> became =
        become_worker(start.cycle, start.identity.role, processor_slot(start), start.master);
    if (!became) return became;
    Result<std::unique_ptr<EventLoop>> loop = EventLoop::create(*start.cycle.conf<EventsConf>().use);
    if (!loop) return loop.error();
    WorkerProcess process(**loop, start);
    if (Result<void> started = process.start(); !started) return started;
    (*loop)->run();
    return {};
}

}  // namespace

int run_worker_process(WorkerStart start) {
    // The master's points to the log of the generation that it runs.
    redirect_standard_error(start.cycle.log());
    Result<void> served = serve(start);
    if (!served)
        start.cycle.log().emerg("{} cannot start: {}", to_text(start.identity.role), served.error().message);
    start.cycle.log().clear();
    return served ? 0 : kCannotStart;
}

}  // namespace berth
