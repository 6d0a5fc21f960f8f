// asks: each worker asks the master to listen on an address that no `listen` names, and answers whoever comes
// there with its process's id: `asks 127.0.0.1:8100;` Several times the same address: each is a wish of its
// own, as listen(0) twice in a worker of Node's cluster is. `never_ready on;`: each fails when all other
// modules have started.
#include <fmt/format.h>
#include <unistd.h>

#include <deque>

#include "core/config/rows.hpp"
#include "core/cycle.hpp"
#include "core/module.hpp"
#include "event/accept/handoff_receiver.hpp"
#include "event/connection.hpp"
#include "event/process/worker.hpp"

namespace berth {
namespace {

struct Asks {
    Setting<std::vector<Address>> addresses;
    Setting<bool> never_ready{false};
};

void take_address(Loader& loader, const Node& node, Setting<std::vector<Address>>& into) {
    Result<Address> address = Address::parse(node.args[0].text);
    if (address) {
        into.edit().push_back(*std::move(address));
    } else {
        loader.error(node.args[0].at, address.error().message, "an address");
    }
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

// Says in the log what became of each wish.
class Asker final : public Buried {
 public:
    explicit Asker(Worker& worker) noexcept : worker_(worker) {}

    Result<void> ask(const std::vector<Address>& addresses) {
        for (unsigned index = 0; index < addresses.size(); ++index) {
            HandoffReceiver::Wish wish;
            wish.address = addresses[index];
            wish.index = index;
            wish.open = Answering::open;
            wish.answered = Callback<const ListenAnswer&>::to<&Asker::on_answered>(*this);
            if (auto asked = worker_.handoff().listen(std::move(wish)); !asked) return asked.error();
        }
        return {};
    }

 private:
    void on_answered(const ListenAnswer& answer) {
        if (answer.error == 0) {
            worker_.log().notice("asked and got {}", answer.address.to_text());
        } else {
            worker_.log().error("asked for wish {} and got error {}", answer.number, answer.error);
        }
    }

    Worker& worker_;
};

Result<void> start_worker(Worker& worker) {
    auto asker = std::make_unique<Asker>(worker);
    Result<void> asked = asker->ask(*worker.cycle().conf<Asks>().addresses);
    worker.keep(std::move(asker));
    if (*worker.cycle().conf<Asks>().never_ready) return Error("it is told to fail");
    return asked;
}

constexpr Directive directives[] = {
    rows::repeatable(rows::custom<&Asks::addresses, take_address>("asks", in_main, {1, 1}, "ADDRESS",
                                                                  "Where workers ask the master to listen.")),
    rows::flag<&Asks::never_ready>("never_ready", in_main, "Whether workers fail to start."),
};

}  // namespace

extern const Module asks;
extern const Module asks = {
    .name = "asks", .directives = directives, .global = conf_of<Asks>(), .start_worker = start_worker};

}  // namespace berth
