#include "lib/imap/thread.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "lib/base/strings.h"

namespace relais::imap {

namespace {

using Node = std::uint32_t;

constexpr Node kNone = std::numeric_limits<Node>::max();
// Ancestors looked at in the search for a loop.  Whoever makes longer conversations with loops in
// them gets some links fewer.
constexpr int kMaxAncestors = 10000;

// The finished trees: for every node its parent, and what siblings are sorted by.
struct Forest {
    struct Entry {
        Node parent = kNone;
        std::uint32_t number = 0;  // 0: nothing but a place for its children
        std::int64_t time = 0;
        std::uint32_t first = 0;  // the number that decides between equal times
    };

    std::vector<Entry> nodes;
    std::vector<bool> present;  // others do not appear in the answer

    bool before(Node a, Node b) const {
        const Entry& x = nodes[a];
        const Entry& y = nodes[b];
        return x.time != y.time ? x.time < y.time : x.first < y.first;
    }
};

// The children of each node, sorted; those of kNone are the roots.
class Children {
  public:
    explicit Children(const Forest& forest) {
        for (Node node = 0; node < forest.nodes.size(); ++node) {
            if (forest.present[node]) {
                order_.push_back(node);
            }
        }
        std::ranges::sort(order_, [&forest](Node a, Node b) {
            Node x = forest.nodes[a].parent;
            Node y = forest.nodes[b].parent;
            return x != y ? x < y : forest.before(a, b);
        });
        starts_.assign(forest.nodes.size() + 1, {0, 0});
        for (std::size_t i = 0; i < order_.size();) {
            Node parent = forest.nodes[order_[i]].parent;
            std::size_t end = i;
            while (end < order_.size() && forest.nodes[order_[end]].parent == parent) {
                ++end;
            }
            starts_[slot(parent)] = {static_cast<Node>(i), static_cast<Node>(end)};
            i = end;
        }
    }

    std::span<Node> of(Node parent) {
        auto [begin, end] = starts_[slot(parent)];
        return std::span(order_).subspan(begin, end - begin);
    }

    std::span<Node> roots() { return of(kNone); }

  private:
    std::size_t slot(Node parent) const { return parent == kNone ? starts_.size() - 1 : parent; }

    std::vector<Node> order_;
    std::vector<std::pair<Node, Node>> starts_;
};

// One thread: "(1 2 (3)(4 5))".
void append_thread(std::string& out, const Forest& forest, Children& children, Node root) {
    struct Step {
        Node node;  // kNone: only a parenthesis
        bool alone;
    };

    std::vector<Step> stack = {{root, false}};
    while (!stack.empty()) {
        Step step = stack.back();
        stack.pop_back();
        if (step.node == kNone) {
            out += ')';
            continue;
        }
        if (!step.alone) {
            out += '(';
            stack.push_back({kNone, true});
        }
        std::uint32_t number = forest.nodes[step.node].number;
        out += number == 0 ? "" : std::to_string(number);
        auto below = children.of(step.node);
        out += number == 0 || below.empty() ? "" : " ";
        bool only = below.size() == 1;
        for (std::size_t i = below.size(); i > 0; --i) {
            stack.push_back({below[i - 1], only});
        }
    }
}

std::string format_threads(const Forest& forest, Children& children, std::span<const Node> roots) {
    std::string out;
    for (Node root : roots) {
        append_thread(out, forest, children, root);
    }
    return out;
}

// Step 1 of REFERENCES: who refers to whom.  Nodes are message ids, and behind them the messages
// that have none of their own.
class Links {
  public:
    Links(std::span<const ThreadMessage> messages, std::uint32_t id_count)
        : parent_(id_count, kNone), children_(id_count, 0), message_(id_count, kNone) {
        for (std::size_t i = 0; i < messages.size(); ++i) {
            add(messages[i], static_cast<Node>(i));
        }
    }

    std::size_t size() const { return parent_.size(); }

    Node parent(Node node) const { return parent_[node]; }

    // The index of the message, or kNone.
    Node message(Node node) const { return message_[node]; }

  private:
    void add(const ThreadMessage& message, Node index) {
        Node node = node_for(message.id);
        message_[node] = index;
        Node last = kNone;
        for (std::uint32_t id : message.references) {
            if (last != kNone && parent_[id] == kNone && !loops(last, id)) {
                link(last, id);
            }
            last = id;
        }
        // The message itself knows best what it answers.
        if (last != parent_[node]) {
            unlink(node);
            if (last != kNone && !loops(last, node)) {
                link(last, node);
            }
        }
    }

    // Its own id, unless another message has it already.
    Node node_for(std::uint32_t id) {
        if (id != ThreadMessage::kNoId && message_[id] == kNone) {
            return id;
        }
        parent_.push_back(kNone);
        children_.push_back(0);
        message_.push_back(kNone);
        return static_cast<Node>(parent_.size() - 1);
    }

    // Whether `child` would become its own ancestor.
    bool loops(Node parent, Node child) const {
        if (parent == child) {
            return true;
        }
        if (children_[child] == 0) {
            return false;
        }
        int left = kMaxAncestors;
        for (Node at = parent; at != kNone; at = parent_[at]) {
            if (at == child || --left == 0) {
                return true;
            }
        }
        return false;
    }

    void link(Node parent, Node child) {
        parent_[child] = parent;
        ++children_[parent];
    }

    void unlink(Node child) {
        if (parent_[child] != kNone) {
            --children_[parent_[child]];
            parent_[child] = kNone;
        }
    }

    std::vector<Node> parent_;
    std::vector<std::uint32_t> children_;
    std::vector<Node> message_;
};

// Steps 2 and 3: without the places of messages that are not there, except those at the top that
// hold several conversations together.
class Pruned {
  public:
    explicit Pruned(const Links& links) : links_(links), above_(links.size(), kUnknown) {}

    // The nearest ancestor with a message, or the topmost place; kNone for a node at the top.
    Node parent_of(Node node) {
        std::vector<Node> path;
        Node at = links_.parent(node);
        Node found = kNone;
        while (at != kNone) {
            if (links_.message(at) != kNone) {
                found = at;
                break;
            }
            if (above_[at] != kUnknown) {
                found = above_[at];
                break;
            }
            path.push_back(at);
            found = at;
            at = links_.parent(at);
        }
        for (Node each : path) {
            above_[each] = found;
        }
        return found;
    }

  private:
    static constexpr Node kUnknown = kNone - 1;

    const Links& links_;
    std::vector<Node> above_;  // for places without message: what stands for them
};

void set_times_of_places(Forest& forest, Children& children) {
    for (Node root : children.roots()) {
        if (forest.nodes[root].number == 0) {
            auto below = children.of(root);
            const Forest::Entry& first = forest.nodes[below.front()];
            forest.nodes[root].time = first.time;
            forest.nodes[root].first = first.first;
        }
    }
}

Forest prune(const Links& links, std::span<const ThreadMessage> messages) {
    Forest forest;
    forest.nodes.resize(links.size());
    forest.present.assign(links.size(), false);
    Pruned pruned(links);
    std::vector<std::uint32_t> count(links.size(), 0);
    for (Node node = 0; node < links.size(); ++node) {
        if (links.message(node) != kNone) {
            const ThreadMessage& message = messages[links.message(node)];
            forest.nodes[node] = {pruned.parent_of(node), message.number, message.time,
                                  message.number};
            forest.present[node] = true;
            if (forest.nodes[node].parent != kNone) {
                ++count[forest.nodes[node].parent];
            }
        }
    }
    for (Node node = 0; node < links.size(); ++node) {
        Node parent = forest.present[node] ? forest.nodes[node].parent : kNone;
        if (parent == kNone || links.message(parent) != kNone) {
            continue;
        }
        if (count[parent] > 1) {
            forest.present[parent] = true;
        } else {
            forest.nodes[node].parent = kNone;
        }
    }
    return forest;
}

// Step 5: conversations whose subjects agree become one.
class SubjectMerger {
  public:
    struct Subject {
        std::uint32_t subject = 0;
        bool is_reply = false;
        bool is_place = false;
    };

    SubjectMerger(Forest& forest, std::vector<Subject> subjects)
        : forest_(forest), subjects_(std::move(subjects)) {}

    void merge(std::span<const Node> roots) {
        for (Node root : roots) {
            note(root);
        }
        for (Node root : roots) {
            merge_one(root);
        }
        for (Forest::Entry& entry : forest_.nodes) {
            auto into = entry.parent == kNone ? merged_.end() : merged_.find(entry.parent);
            if (into != merged_.end()) {
                entry.parent = into->second;
            }
        }
    }

  private:
    bool is_place(Node node) const { return forest_.nodes[node].number == 0; }

    void note(Node root) {
        const Subject& subject = subjects_[root];
        if (subject.subject == 0) {
            return;
        }
        auto [at, fresh] = table_.try_emplace(subject.subject, root);
        Node known = at->second;
        bool better = (is_place(root) && !is_place(known)) ||
                      (subjects_[known].is_reply && !subject.is_reply && !is_place(known));
        if (!fresh && better) {
            at->second = root;
        }
    }

    void merge_one(Node root) {
        auto at = table_.find(subjects_[root].subject);
        if (subjects_[root].subject == 0 || at->second == root) {
            return;
        }
        Node known = at->second;
        if (is_place(known) && is_place(root)) {
            merged_[root] = known;
            forest_.present[root] = false;
        } else if (is_place(known) || (subjects_[root].is_reply && !subjects_[known].is_reply)) {
            forest_.nodes[root].parent = known;
        } else {
            auto place = static_cast<Node>(forest_.nodes.size());
            forest_.nodes.emplace_back();
            forest_.present.push_back(true);
            subjects_.push_back(subjects_[known]);
            forest_.nodes[root].parent = place;
            forest_.nodes[known].parent = place;
            at->second = place;
        }
    }

    Forest& forest_;
    std::vector<Subject> subjects_;
    std::unordered_map<std::uint32_t, Node> table_;
    std::unordered_map<Node, Node> merged_;
};

std::string by_references(std::span<const ThreadMessage> messages, std::uint32_t id_count) {
    Links links(messages, id_count);
    Forest forest = prune(links, messages);
    {
        Children children(forest);
        set_times_of_places(forest, children);
    }
    Children children(forest);
    std::vector<SubjectMerger::Subject> subjects(forest.nodes.size());
    for (Node root : children.roots()) {
        Node speaker = forest.nodes[root].number == 0 ? children.of(root).front() : root;
        const ThreadMessage& message = messages[links.message(speaker)];
        subjects[root] = {message.subject, message.is_reply};
    }
    SubjectMerger(forest, std::move(subjects)).merge(children.roots());
    {
        Children merged(forest);
        set_times_of_places(forest, merged);
    }
    Children merged(forest);
    return format_threads(forest, merged, merged.roots());
}

// The conversation with the latest message comes last, and subjects join nothing.
std::string by_refs(std::span<const ThreadMessage> messages, std::uint32_t id_count) {
    Links links(messages, id_count);
    Forest forest = prune(links, messages);
    using Latest = std::pair<std::int64_t, std::uint32_t>;
    constexpr Latest kNever = {std::numeric_limits<std::int64_t>::min(), 0};
    std::vector<Latest> latest(forest.nodes.size(), kNever);
    Children children(forest);
    std::vector<Node> order(children.roots().begin(), children.roots().end());
    std::vector<Node> stack;
    for (Node root : order) {
        stack.assign(1, root);
        while (!stack.empty()) {
            Node node = stack.back();
            stack.pop_back();
            if (forest.nodes[node].number != 0) {
                latest[root] = std::max(latest[root],
                                        Latest(forest.nodes[node].time, forest.nodes[node].number));
            }
            auto below = children.of(node);
            stack.insert(stack.end(), below.begin(), below.end());
        }
    }
    std::ranges::sort(order, {}, [&latest](Node node) { return latest[node]; });
    return format_threads(forest, children, order);
}

// RFC 5256 3: the first message of a subject is the parent of all others.
std::string by_subject(std::span<const ThreadMessage> messages) {
    std::vector<Node> order(messages.size());
    std::iota(order.begin(), order.end(), Node{0});
    Forest forest;
    for (const ThreadMessage& message : messages) {
        forest.nodes.push_back({kNone, message.number, message.time, message.number});
    }
    forest.present.assign(messages.size(), true);
    std::ranges::sort(order, [&](Node a, Node b) {
        return messages[a].subject != messages[b].subject
                   ? messages[a].subject < messages[b].subject
                   : forest.before(a, b);
    });
    Node first = kNone;
    for (Node node : order) {
        if (first != kNone && messages[first].subject == messages[node].subject) {
            forest.nodes[node].parent = first;
        } else {
            first = node;
        }
    }
    Children children(forest);
    return format_threads(forest, children, children.roots());
}

}  // namespace

std::optional<ThreadAlgorithm> thread_algorithm(std::string_view name) {
    if (iequals(name, "ORDEREDSUBJECT")) {
        return ThreadAlgorithm::kOrderedSubject;
    }
    if (iequals(name, "REFERENCES")) {
        return ThreadAlgorithm::kReferences;
    }
    return iequals(name, "REFS") ? std::optional(ThreadAlgorithm::kRefs) : std::nullopt;
}

std::string thread_messages(ThreadAlgorithm algorithm, std::span<const ThreadMessage> messages,
                            std::uint32_t id_count) {
    switch (algorithm) {
        case ThreadAlgorithm::kOrderedSubject:
            return by_subject(messages);
        case ThreadAlgorithm::kReferences:
            return by_references(messages, id_count);
        case ThreadAlgorithm::kRefs:
            break;
    }
    return by_refs(messages, id_count);
}

}  // namespace relais::imap
