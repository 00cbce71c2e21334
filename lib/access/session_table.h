// The sessions in a user's process: for whoever asks who is logged in (lib/ipc/session_register.h),
// and ends sessions one by one.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "lib/base/unique_fd.h"
#include "lib/event/task_group.h"
#include "lib/event/transport.h"
#include "lib/ipc/session_register.h"

namespace relais {

class SessionTable;

// One session, as long as it lasts.
class SessionRecord {
  public:
    SessionRecord(SessionTable& table, std::string address, bool secured);
    SessionRecord(const SessionRecord&) = delete;
    SessionRecord& operator=(const SessionRecord&) = delete;
    ~SessionRecord();

    // The connection itself; what passes is counted.
    [[nodiscard]] std::unique_ptr<Transport> wire(int fd);

    // The session tells where it is: asked when somebody wants to know.  Null before the session
    // goes.
    void tell_folder(std::function<std::string()> folder) { folder_ = std::move(folder); }

    // What the session is at, for ps (mailbox_process_titles): a command; empty: it waits.
    void show(std::string_view state) const;

    // Runs the session; end() cancels it.
    [[nodiscard]] Task<void> run(Task<void> session);

    void end() { task_.cancel(); }

    std::uint32_t id() const { return facts_.id; }

    const std::string& address() const { return facts_.address; }

    [[nodiscard]] UserSession facts() const;

  private:
    SessionTable& table_;
    UserSession facts_;
    std::function<std::string()> folder_;
    TaskGroup task_;
};

class SessionTable {
  public:
    SessionTable(std::string user, std::string service)
        : user_(std::move(user)), service_(std::move(service)) {}

    SessionTable(const SessionTable&) = delete;
    SessionTable& operator=(const SessionTable&) = delete;
    ~SessionTable() = default;

    // Answers those who ask over this listening socket, until cancelled.
    [[nodiscard]] Task<void> serve(UniqueFd listener);

  private:
    friend class SessionRecord;

    [[nodiscard]] Task<void> answer(UniqueFd fd);
    bool end(std::uint32_t id);
    void show_title(std::string_view state) const;

    std::string user_;
    std::string service_;
    std::list<SessionRecord*> records_;
    std::uint32_t last_id_ = 0;
};

}  // namespace relais
