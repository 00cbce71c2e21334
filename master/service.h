// One service of master.cf at run time: its endpoints, its processes, when it listens and when it
// starts another process.
//
// Master listens while no process is free and the limit allows one more.  A process is free until
// it reports itself busy.  A Relais process reports how many sessions it carries, and counts as
// that many against the limit; a Postfix process counts as one.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include <sys/types.h>

#include "lib/config/master_cf.h"
#include "lib/event/watch.h"

#include "master/listeners.h"

namespace relais::master {

struct Runtime;

class Service {
  public:
    Service(MasterService entry, Runtime* runtime);
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    // Opens the endpoints and begins to listen.
    [[nodiscard]] Result<void> open();

    // Takes over another description of the same service; processes of the old one retire.
    void change(MasterService entry);

    // Ends the service: processes get SIGTERM.
    void shut_down();

    const MasterService& entry() const { return entry_; }

    bool is_same_as(const MasterService& other) const;

    bool owns(pid_t pid) const { return processes_.contains(pid); }

    // A process has ended with this status of waitpid().
    void process_ended(pid_t pid, int wait_status);

    bool has_processes() const { return !processes_.empty(); }

  private:
    struct Process {
        unsigned generation = 0;
        bool available = true;
        bool full = false;    // takes no more sessions at all
        bool proven = false;  // has shown that it can start
        int capacity = 1;
    };

    void renew_status_channel();
    void update_listening();
    void on_request();
    void start_process();
    void on_status();
    void note_status(pid_t pid, unsigned generation, int available);
    void wake_up();
    void throttle();
    void warn_at_limit();
    void enter_stress();
    bool all_full() const;
    bool may_grow() const;
    int carried() const;
    int sessions_per_process() const;

    MasterService entry_;
    Runtime* runtime_;
    std::vector<Endpoint> endpoints_;
    std::vector<std::unique_ptr<FdWatch>> watches_;
    UniqueFd status_read_;
    UniqueFd status_write_;
    std::unique_ptr<FdWatch> status_watch_;
    Timer wakeup_;
    Timer throttled_;
    Timer stressed_;
    std::map<pid_t, Process> processes_;
    int available_ = 0;
    bool exposed_ = false;
    bool ever_used_ = false;
    bool closing_ = false;
    SteadyTime warned_{};
};

}  // namespace relais::master
