#include "tools/doveadm/raw_log.h"

#include <fcntl.h>

#include "lib/base/file.h"
#include "lib/base/format.h"

namespace relais::doveadm {

namespace {

class RecordingTransport : public Transport {
  public:
    RecordingTransport(std::unique_ptr<Transport> inner, UniqueFd log)
        : inner_(std::move(inner)), log_(std::move(log)) {}

    IoOutcome read(std::span<char> into) override {
        IoOutcome outcome = inner_->read(into);
        record('I', outcome, std::string_view(into.data(), outcome.count));
        return outcome;
    }

    IoOutcome write(std::string_view bytes) override {
        IoOutcome outcome = inner_->write(bytes);
        record('O', outcome, bytes.substr(0, outcome.count));
        return outcome;
    }

    bool has_pending() const override { return inner_->has_pending(); }

  private:
    // A log that cannot be written to must not hold up the mail.
    void record(char way, const IoOutcome& outcome, std::string_view bytes) {
        bool good = log_ && outcome.status == IoStatus::kDone;
        if (good && !write_all(log_.get(), format("{} {}\n{}", way, bytes.size(), bytes))) {
            log_ = UniqueFd();
        }
    }

    std::unique_ptr<Transport> inner_;
    UniqueFd log_;
};

}  // namespace

Result<std::unique_ptr<Transport>> with_raw_log(std::unique_ptr<Transport> transport,
                                                const std::string& path) {
    auto log = open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!log) {
        return fail_with(log);
    }
    return std::make_unique<RecordingTransport>(std::move(transport), std::move(*log));
}

}  // namespace relais::doveadm
