// Address headers: see the header.
#include "lib/mail/address_list.h"

#include <algorithm>

namespace relais {

// Cuts a token list into elements at its commas and groups, and each element into what is printed
// around its address and the address.
class AddressListParser {
  public:
    AddressListParser(AddressTokens tokens, AddressList& list)
        : tokens_(std::move(tokens)), list_(list) {}

    void run() {
        while (at_ < tokens_.size()) {
            const auto& token = tokens_[at_];
            if (token.is(',')) {
                end_element();
                keep(at_++);
                first_piece_ = list_.pieces_.size();
            } else if (token.is(';')) {
                end_element();
                keep(at_++);
                group_ = -1;
                first_piece_ = list_.pieces_.size();
            } else if (token.is(':') && begins_group()) {
                begin_group();
            } else if (token.is('<')) {
                bracketed();
            } else {
                element_.push_back(at_++);
            }
        }
        end_element();
    }

  private:
    void keep(std::size_t index) { list_.pieces_.push_back({tokens_[index], -1}); }

    bool begins_group() const {
        return group_ < 0 && !slot_done_ && !element_.empty() &&
               std::ranges::none_of(element_, [this](std::size_t i) { return tokens_[i].is('@'); });
    }

    void begin_group() {
        std::string name;
        for (const auto i : element_) {
            if (tokens_[i].type != AddressTokenType::kComment) {
                name += name.empty() || !tokens_[i].blank_before ? "" : " ";
                name += tokens_[i].text;
            }
            keep(i);
        }
        element_.clear();
        group_ = static_cast<int>(list_.groups_.size());
        list_.groups_.push_back(std::move(name));
        keep(at_++);
        first_piece_ = list_.pieces_.size();
    }

    // Where the "<" at at_ is closed: its ">", or failing that the next "," or the end.
    std::size_t closing_bracket() const {
        for (auto i = at_ + 1; i < tokens_.size(); ++i) {
            if (tokens_[i].is('>')) {
                return i;
            }
            if (tokens_[i].is('<')) {
                break;
            }
        }
        for (auto i = at_ + 1; i < tokens_.size(); ++i) {
            if (tokens_[i].is(',') || tokens_[i].is(';')) {
                return i;
            }
        }
        return tokens_.size();
    }

    void bracketed() {
        for (const auto i : element_) {
            keep(i);
        }
        element_.clear();
        const auto close = closing_bracket();
        keep(at_);
        std::vector<std::size_t> comments;
        AddressList::Slot slot;
        for (auto i = at_ + 1; i < close; ++i) {
            if (tokens_[i].type == AddressTokenType::kComment) {
                comments.push_back(i);
            } else {
                slot.tokens.push_back(tokens_[i]);
            }
        }
        slot.bracketed = true;
        add_slot(std::move(slot));
        list_.pieces_.push_back({{AddressTokenType::kSpecial, ">", false}, -1});
        for (const auto i : comments) {
            keep(i);
        }
        at_ = close < tokens_.size() && tokens_[close].is('>') ? close + 1 : close;
        slot_done_ = true;
    }

    void add_slot(AddressList::Slot slot) {
        slot.group = group_;
        slot.first_piece = first_piece_;
        slot.piece = list_.pieces_.size();
        AddressToken place;
        place.blank_before = !slot.bracketed && !slot.tokens.empty() && slot.tokens[0].blank_before;
        list_.pieces_.push_back({place, static_cast<int>(list_.slots_.size())});
        list_.slots_.push_back(std::move(slot));
    }

    // A bare address with its comments, or what followed a ">".
    void end_element() {
        std::vector<std::size_t> after;
        AddressList::Slot slot;
        for (const auto i : element_) {
            const bool comment = tokens_[i].type == AddressTokenType::kComment;
            if (slot_done_ || (comment && slot.tokens.empty())) {
                keep(i);
            } else if (comment) {
                after.push_back(i);
            } else {
                slot.tokens.push_back(tokens_[i]);
            }
        }
        element_.clear();
        if (!slot.tokens.empty()) {
            add_slot(std::move(slot));
        }
        for (const auto i : after) {
            keep(i);
        }
        slot_done_ = false;
    }

    AddressTokens tokens_;
    AddressList& list_;
    std::size_t at_ = 0;
    std::vector<std::size_t> element_;  // tokens since the element began
    std::size_t first_piece_ = 0;
    int group_ = -1;
    bool slot_done_ = false;
};

AddressList AddressList::parse(std::string_view header_value, std::size_t token_limit) {
    AddressList list;
    AddressListParser(tokenize_address(header_value, token_limit), list).run();
    return list;
}

void AddressList::set_external(std::size_t i, std::string_view address) {
    slots_[i].tokens = tokenize_address(address);
}

bool AddressList::has_text_outside() const {
    return std::ranges::any_of(pieces_, [](const Piece& piece) {
        return piece.slot < 0 && !piece.token.is('<') && !piece.token.is('>');
    });
}

std::string AddressList::display_name(std::size_t i) const {
    const auto& slot = slots_[i];
    std::string name;
    if (slot.bracketed) {
        for (auto p = slot.first_piece; p + 1 < slot.piece; ++p) {  // the last is "<"
            const auto& token = pieces_[p].token;
            if (token.type != AddressTokenType::kComment) {
                name += name.empty() || !token.blank_before ? "" : " ";
                name += internal_address({token});
            }
        }
    }
    for (auto p = slot.piece + 1; name.empty() && p < pieces_.size(); ++p) {
        const auto& token = pieces_[p].token;
        if (token.is(',') || token.is(';') || pieces_[p].slot >= 0) {
            break;
        }
        if (token.type == AddressTokenType::kComment) {
            name = token.text.substr(1, token.text.size() - 2);
        }
    }
    return name;
}

std::string AddressList::print(Separator separator) const {
    std::string out;
    const Piece* before = nullptr;
    for (const auto& piece : pieces_) {
        const auto& token = piece.token;
        const bool wordy = piece.slot >= 0 || token.is_word() ||
                           token.type == AddressTokenType::kComment || token.is('<');
        const bool after_word =
            before != nullptr &&
            (before->slot >= 0 || before->token.is_word() || before->token.is('>') ||
             before->token.type == AddressTokenType::kComment);
        const bool bracketed =
            piece.slot >= 0 && slots_[static_cast<std::size_t>(piece.slot)].bracketed;
        const bool closes = token.is(',') || token.is(';') || token.is('>');
        if (before != nullptr && !bracketed && !closes && !before->token.is(',') &&
            (token.blank_before || (wordy && after_word))) {
            out += ' ';
        }
        if (piece.slot >= 0) {
            const auto address = external(static_cast<std::size_t>(piece.slot));
            out += address.empty() && !bracketed ? "<>" : address;
        } else if (token.type == AddressTokenType::kQuoted) {
            out += '"' + token.text + '"';
        } else {
            out += token.text;
        }
        if (token.is(',')) {
            out += separator == Separator::kNewline ? '\n' : ' ';
        }
        before = &piece;
    }
    while (out.ends_with(' ') || out.ends_with('\n')) {
        out.pop_back();
    }
    return out;
}

}  // namespace relais
