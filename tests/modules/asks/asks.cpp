// asks: each worker asks the master to listen on an address that no `listen` names, and answers whoever comes
// there with its process's id: `asks 127.0.0.1:8100;` Several times the same address: each is a wish of its
// own, as listen(0) twice in a worker of Node's cluster is. `asks fd:3;` is a socket that the server was
// started with; `asks_when_leaving 127.0.0.1:8101;` is asked for when the worker has been told to end.
// `never_ready on;`: workers fail when all other modules have started.
#include <fmt/format.h>
#include <unistd.h>

#include <deque>

#include "core/config/rows.hpp"
#include "core/cycle.hpp"
#include "core/module.hpp"
#include "core/text/number.hpp"
#include "event/accept/handoff_receiver.hpp"
#include "event/connection.hpp"
#include "event/process/worker.hpp"

namespace berth {
namespace {

struct Place {
    Address address;
    int fd = -1;
    int unix_mode = -1;
};

struct Asks {
    Setting<std::vector<Place>> places;
    Setting<std::vector<Place>> when_leaving;
    Setting<bool> never_ready{false};
};

void take_place(Loader& loader, const Node& node, Setting<std::vector<Place>>& into) {
    Place place;
    const std::string& text = node.args[0].text;
    if (text.starts_with("fd:")) {
        place.fd = static_cast<int>(parse_unsigned(text.substr(3), 1 << 20).value_or(0));
    } else if (Result<Address> address = Address::parse(text)) {
        place.address = *std::move(address);
    } else {
        return loader.error(node.args[0].at, address.error().message, "an address");
    }
    if (node.args.size() > 1) place.unix_mode = std::stoi(node.args[1].text, nullptr, 8);
    into.edit().push_back(std::move(place));
}

class Answering final : public Session {
 public:
    static std::unique_ptr<Session> open(Connection&, Listener&, void*) {
        return std::make_unique<Answering>();
    }
    void on_start() override {
        connection().send(fmt::format("{}\n", ::getpid()));
        connection().close();
    }
    void on_readable() override {}
};

constexpr Duration kLook{5};

// Says in the log what became of each wish.
class Asker final : public Buried {
 public:
    explicit Asker(Worker& worker) noexcept
        : worker_(worker), look_(Callback<>::to<&Asker::look_whether_it_leaves>(*this)) {}

    Result<void> ask(const std::vector<Place>& places) {
        for (const Place& place : places) {
            HandoffReceiver::Wish wish;
            wish.address = place.address;
            wish.fd = place.fd;
            wish.unix_mode = place.unix_mode;
            wish.open = Answering::open;
            wish.answered = Callback<const ListenAnswer&>::to<&Asker::on_answered>(*this);
            if (auto asked = worker_.handoff().listen(std::move(wish)); !asked) return asked.error();
        }
        return {};
    }
    void ask_when_it_leaves() { look_.start(worker_.loop(), kLook); }

 private:
    void on_answered(const ListenAnswer& answer) {
        if (answer.error == 0) {
            worker_.log().notice("asked and got {}", answer.address.to_text());
        } else {
            worker_.log().error("asked for wish {} and got error {}", answer.number, answer.error);
        }
    }
    void look_whether_it_leaves() {
        if (!worker_.draining()) return ask_when_it_leaves();
        static_cast<void>(ask(*worker_.cycle().conf<Asks>().when_leaving));
    }

    Worker& worker_;
    Timer look_;
};

Result<void> start_worker(Worker& worker) {
    const Asks& asks = worker.cycle().conf<Asks>();
    auto asker = std::make_unique<Asker>(worker);
    Result<void> asked = asker->ask(*asks.places);
    if (!asks.when_leaving->empty()) asker->ask_when_it_leaves();
    worker.keep(std::move(asker));
    if (*asks.never_ready) return Error("it is told to fail");
    return asked;
}

constexpr Directive directives[] = {
    rows::repeatable(rows::custom<&Asks::places, take_place>(
        "asks", in_main, {1, 2}, "ADDRESS|fd:NUMBER [MODE]", "Where workers ask the master to listen.")),
    rows::repeatable(rows::custom<&Asks::when_leaving, take_place>(
        "asks_when_leaving", in_main, {1, 2}, "ADDRESS|fd:NUMBER [MODE]",
        "Where workers ask the master to listen once they are to end.")),
    rows::flag<&Asks::never_ready>("never_ready", in_main, "Whether workers fail to start."),
};

}  // namespace

extern const Module asks;
extern const Module asks = {
    .name = "asks", .directives = directives, .global = conf_of<Asks>(), .start_worker = start_worker};

}  // namespace berth
