// The status as JSON.
#include <vector>

#include "core/metrics/status_writer.hpp"
#include "core/metrics/time_buckets.hpp"
#include "core/text/json_writer.hpp"

namespace berth {

namespace {

constexpr double kSecond = 1e6;  // of microseconds

class JsonStatus final : public StatusWriter {
 public:
    JsonStatus(std::string& out, unsigned indent) : out_(out), json_(out, indent) { json_.begin_object(); }

    void label(std::string_view name, std::string_view value) override { text(name, value); }
    void label(std::string_view name, std::uint64_t value) override { number(name, value); }

    void text(std::string_view key, std::string_view value) override {
        json_.key(key);
        json_.value(value);
    }

    void flag(std::string_view key, bool value) override {
        json_.key(key);
        json_.value(value);
    }

    void value_by(std::string_view, std::string_view key, const Metric&, std::uint64_t value) override {
        json_.key(key);
        json_.value(value);
    }

    void times(std::string_view key, const Metric&, const HistogramSum& times) override {
        begin_object(key);
        number("count", times.count());
        number("sum", static_cast<double>(times.sum()) / kSecond);
        const struct {
            std::string_view key;
            double share;
        } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};
        for (const auto& quantile : quantiles) {
            number(quantile.key, static_cast<double>(times.quantile(quantile.share)) / kSecond);
        }
        number("max", static_cast<double>(times.max()) / kSecond);
        begin_list("buckets");
        for (const TimeBound& bound : kTimeBounds) {
            begin_object({});
            number("le", static_cast<double>(bound.microseconds) / kSecond);
            number("count", times.count_to(bound.microseconds));
            end();
        }
        end();
        end();
    }

    void finish() override {
        json_.end_object();
        out_ += '\n';
    }

 protected:
    void begin_object(std::string_view key) override {
        if (!key.empty()) json_.key(key);
        json_.begin_object();
        lists_.push_back(false);
    }
    void begin_list(std::string_view key) override {
        json_.key(key);
        json_.begin_array();
        lists_.push_back(true);
    }
    void end() override {
        if (lists_.back()) {
            json_.end_array();
        } else {
            json_.end_object();
        }
        lists_.pop_back();
    }
    void whole(std::string_view key, const Metric*, std::uint64_t value) override {
        json_.key(key);
        json_.value(value);
    }
    void real(std::string_view key, const Metric*, double value) override {
        json_.key(key);
        json_.value(value);
    }

 private:
    std::string& out_;
    JsonWriter json_;
    std::vector<bool> lists_;  // of what is open: is it a list
};

}  // namespace

std::unique_ptr<StatusWriter> make_json_status(std::string& out, unsigned indent) {
    return std::make_unique<JsonStatus>(out, indent);
}

}  // namespace berth
