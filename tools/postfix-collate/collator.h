// Puts together what the log says of each message: its lines, those of the session in which it
// came, and what the delivery agents said before its lines.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lib/base/strings.h"

#include "tools/postfix-collate/log_line.h"

namespace relais {

class Collator {
  public:
    // `print` gets the lines of a message as soon as it is complete.
    explicit Collator(std::function<void(const std::string&)> print) : print_(std::move(print)) {}

    void add(const std::string& line);
    // The messages whose end is not in the log, in the order in which they came.
    void end();

  private:
    struct Message {
        std::uint64_t number = 0;
        std::string lines;
    };

    struct Session {
        std::string lines;
        std::string message;  // the last one that came in it
    };

    template <class Value>
    using ByName = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;

    void add_of_session(const CollatedLine& parsed, const std::string& line);
    void add_of_agent(const CollatedLine& parsed, const std::string& line);
    void add_to_message(std::string_view id, const std::string& line);
    void begin_message(std::string_view id, std::string lines);
    void begin_notification(const CollatedLine& parsed, const std::string& line);
    void finish(std::string_view id);

    std::function<void(const std::string&)> print_;
    std::uint64_t messages_ = 0;
    ByName<Message> open_;         // by queue id
    ByName<Session> sessions_;     // smtpd's, by process
    ByName<std::string> remarks_;  // of delivery agents, by process: lines without a queue id
};

}  // namespace relais
