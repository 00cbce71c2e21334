#include "lib/access/session_table.h"

#include <algorithm>
#include <ctime>

#include "lib/base/format.h"
#include "lib/base/log.h"
#include "lib/base/strings.h"
#include "lib/config/config.h"
#include "lib/daemon/process_title.h"
#include "lib/event/socket.h"
#include "lib/event/stream.h"

namespace relais {

namespace {

constexpr std::chrono::seconds kPatience{5};

// Adds up what passes through the plain transport of a descriptor.
class CountingTransport : public Transport {
  public:
    CountingTransport(int fd, std::uint64_t& received, std::uint64_t& sent)
        : under_(plain_transport(fd)), received_(received), sent_(sent) {}

    IoOutcome read(std::span<char> into) override {
        IoOutcome outcome = under_->read(into);
        received_ += outcome.status == IoStatus::kDone ? outcome.count : 0;
        return outcome;
    }

    IoOutcome write(std::string_view bytes) override {
        IoOutcome outcome = under_->write(bytes);
        sent_ += outcome.status == IoStatus::kDone ? outcome.count : 0;
        return outcome;
    }

    bool has_pending() const override { return under_->has_pending(); }

  private:
    std::unique_ptr<Transport> under_;
    std::uint64_t& received_;
    std::uint64_t& sent_;
};

}  // namespace

SessionRecord::SessionRecord(SessionTable& table, std::string address, bool secured)
    : table_(table) {
    facts_.id = ++table.last_id_;
    facts_.address = std::move(address);
    facts_.since = std::time(nullptr);
    facts_.secured = secured;
    table_.records_.push_back(this);
    table_.show_title("");
}

SessionRecord::~SessionRecord() {
    table_.records_.remove(this);
    table_.show_title("");
}

void SessionRecord::show(std::string_view state) const {
    table_.show_title(state);
}

std::unique_ptr<Transport> SessionRecord::wire(int fd) {
    return std::make_unique<CountingTransport>(fd, facts_.received, facts_.sent);
}

Task<void> SessionRecord::run(Task<void> session) {
    task_.spawn(std::move(session));
    try {
        co_await task_.join();
    } catch (const Cancelled&) {
        // All sessions of the process end.
    }
    co_await task_.close();
}

UserSession SessionRecord::facts() const {
    UserSession facts = facts_;
    facts.folder = folder_ ? folder_() : "";
    return facts;
}

// As Dovecot's verbose_proctitle: one session whole, of several the number.
void SessionTable::show_title(std::string_view state) const {
    if (!conf().mailbox_process_titles()) {
        return;
    }
    std::string about = "idling";
    if (records_.size() == 1) {
        about = printable(user_) + " " + printable(records_.front()->address());
        about += state.empty() ? "" : " " + std::string(state);
    } else if (!records_.empty()) {
        about = format("{} {} connections", printable(user_), records_.size());
    }
    show_process_title(format("{} [{}]", service_, about));
}

bool SessionTable::end(std::uint32_t id) {
    auto found = std::ranges::find(records_, id, &SessionRecord::id);
    if (found == records_.end()) {
        return false;
    }
    (*found)->end();
    return true;
}

Task<void> SessionTable::serve(UniqueFd listener) {
    Listener connections(std::move(listener));
    TaskGroup beside;
    try {
        for (;;) {
            UniqueFd fd = co_await connections.accept();
            beside.spawn(answer(std::move(fd)));
        }
    } catch (const Cancelled&) {
        // The process ends.
    }
    co_await beside.close();
}

Task<void> SessionTable::answer(UniqueFd fd) {
    Stream stream(std::move(fd));
    stream.set_deadline(Deadline::after(kPatience));
    auto request = co_await read_session_request(&stream);
    if (!request && request.error().code == Errc::kClosed) {
        co_return;  // somebody who only looked whether there is a process (sweep_session_sockets)
    }
    if (!request) {
        log_warning("malformed question about sessions: {}", request.error().message);
        co_return;
    }
    if (request->end) {
        stream.write(session_end_answer(end(request->id)));
    } else {
        UserSessions all{user_, service_, 0, {}};
        for (const SessionRecord* record : records_) {
            all.sessions.push_back(record->facts());
        }
        stream.write(all.serialize());
    }
    co_await stream.flush();
}

}  // namespace relais
