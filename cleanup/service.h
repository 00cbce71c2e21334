// What all sessions of this process share: directories, tables, connections to other services.
#pragma once

#include <string>
#include <vector>

#include "lib/config/config.h"
#include "lib/event/sync.h"
#include "lib/ipc/rewriter.h"
#include "lib/milter/settings.h"
#include "lib/queue/queue_dirs.h"
#include "lib/rules/content_checks.h"

#include "cleanup/characters.h"
#include "cleanup/mapping.h"

namespace relais::cleanup {

class Service {
  public:
    explicit Service(const Config& config);

    const Config& config;
    QueueDirs dirs;
    Rewriter rewriter;
    Mapping mapping;
    ContentChecks checks;
    std::vector<milter::FilterSettings> milters;  // non_smtpd_milters
    milter::MacroSettings milter_macros;
    CheckTable milter_checks;  // milter_header_checks

    const Characters refused_characters, stripped_characters;
    const unsigned refused_mime;  // MimeProblem bits

    // non_empty_end_of_header_action
    const bool adds_mime_error;

    // Whether a header, or what begins with its name, is one of message_drop_headers.
    bool drops(std::string_view header) const;

    // Tells qmgr about new mail: at once, but not more often than it can use.
    void new_mail() { mail_waiting_.set(); }

    // Counts the sessions of this process for as long as it lives.
    class Presence {
      public:
        explicit Presence(Service& service) : service_(service) { ++service_.sessions_; }

        Presence(const Presence&) = delete;
        Presence& operator=(const Presence&) = delete;

        ~Presence() { --service_.sessions_; }

      private:
        Service& service_;
    };

    int sessions() const { return sessions_; }

    // Sends what new_mail() asked for, for ever.
    [[nodiscard]] Task<void> wake_qmgr();

  private:
    std::vector<std::string> dropped_headers_;
    Flag mail_waiting_;
    int sessions_ = 0;
};

}  // namespace relais::cleanup
