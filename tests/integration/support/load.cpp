// Threads with raw clients.
#include "tests/integration/support/load.hpp"

#include <cstring>
#include <mutex>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/files.hpp"

namespace berth::test {

namespace {

std::mutex notes_mutex;

}  // namespace

Load::Load(std::uint16_t port, std::string path, unsigned clients) : port_(port), path_(std::move(path)) {
    for (unsigned i = 0; i < clients; ++i) {
        threads_.emplace_back([this, i] { i % 2 == 0 ? keep_alive() : one_by_one(); });
    }
}

void Load::note(const std::string& what) {
    const std::scoped_lock lock(notes_mutex);
    if (notes_.size() < 5) notes_.push_back(what);
}

std::string Load::failures() const {
    const std::scoped_lock lock(notes_mutex);
    std::string all;
    for (const std::string& one : notes_) all += one + "\n";
    return all;
}

void Load::keep_alive() {
    while (!stopping_) {
        Client client(port_);
        bool used = false;
        bool goes_on = client.connected();
        if (!goes_on) {
            ++counts_.failed;
            note(std::string("connect: ") + std::strerror(client.error()));
        }
        while (goes_on && !stopping_) {
            const Response response = client.get(path_) ? client.read_response() : Response{};
            goes_on = response.complete && response.status == 200 && !response.says_close();
            if (response.complete && response.status == 200) {
                ++counts_.answered;
                if (response.says_close()) ++counts_.polite;
            } else if (used) {
                ++counts_.stale;
                note(std::string("stale: ") + std::strerror(client.error()) + " " + response.head);
            } else {
                ++counts_.failed;
                note(std::string("fresh: ") + std::strerror(client.error()) + " " + response.head);
            }
            used = true;
        }
    }
}

void Load::one_by_one() {
    while (!stopping_) {
        const Response response = fetch(port_, path_);
        if (response.complete && response.status == 200) {
            ++counts_.answered;
        } else {
            ++counts_.failed;
            note("single: " + std::to_string(response.status) + " " + response.head);
        }
    }
}

bool Load::wait_for(std::uint64_t more) const {
    const std::uint64_t goal = counts_.answered + more;
    return eventually([&] { return counts_.answered >= goal; });
}

void Load::stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

}  // namespace berth::test
