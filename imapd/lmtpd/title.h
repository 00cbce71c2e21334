// What ps shows of the process, as Dovecot's verbose_proctitle has it (mailbox_process_titles): of
// one connection the client and what it is at, of several the number.
#pragma once

#include <list>
#include <string>

namespace relais::lmtpd {

class Title {
  public:
    // As long as the connection lasts.
    class Connection {
      public:
        // `from`: an address; empty: this machine.
        Connection(Title& title, std::string from);
        Connection(const Connection&) = delete;
        Connection& operator=(const Connection&) = delete;
        ~Connection();

        // "MAIL FROM a@b.test"
        void show(std::string state);

      private:
        friend class Title;

        Title& title_;
        std::string from_;
        std::string state_ = "READY";
        std::list<const Connection*>::iterator place_;
    };

  private:
    void refresh() const;

    std::list<const Connection*> connections_;
};

}  // namespace relais::lmtpd
