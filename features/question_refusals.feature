Feature: Questions that are no questions
  What cannot be asked is refused at once, in a sentence, and costs nothing. What can be asked is answered, whatever it
  looks like and whatever it is written in.

  @stores
  Scenario Outline: A question of <what> is refused, and free
    When Anna asks <question>
    Then Anna is refused because "the question is empty"
    And Anna is told that trying again does not help
    And Anna is charged 0 questions
    And Anna has spent nothing

    Examples:
      | what           | question |
      | nothing at all | ""       |
      | spaces         | "    "   |
      | wide spaces    | "　　"   |

  @stores
  Scenario: A question that is refused takes nothing from the last one left
    Given Anna asks until 1 question is left today
    When Anna asks "   "
    Then Anna is refused because "the question is empty"
    And Anna has 1 question left today
    When Anna asks "How do I reset it?"
    Then Anna gets an answer

  @stores
  Scenario: Without a question left, an empty one is still told from one too many
    Given Anna asks until 0 questions are left today
    Then Anna is refused because "the question is empty" when asking "  "
    And Anna is refused because "the day's questions are used up" when asking "How do I reset it?"

  @stores
  Scenario Outline: A question that looks like <what> is answered and charged as any other
    When Anna asks "<question>"
    Then Anna gets an answer
    And Anna is charged 1 question

    Examples:
      | what                | question                                                  |
      | a database command  | SELECT * FROM users; DROP TABLE manuals; -- what is that? |
      | a web page          | <script>alert(1)</script> What does this button do?       |
      | a path              | ../../etc/passwd: where is the reset key?                 |
      | one letter          | ?                                                         |
      | Greek               | Πώς γίνεται επαναφορά;                                    |
      | Arabic              | كيف أعيد ضبطه؟                                            |
      | Chinese             | 如何重置路由器？                                          |
      | signs of the street | 🔌 or 🔋?                                                 |

  # Answers are kept by each process of the backend: of several, as functions are, another one may be asked.
  @stores @server
  Scenario: White space around a question makes it no other question
    Given Anna has the manual "router"
    When Anna asks "How do I reset the router?"
    And the cost of the answer to Anna is noted as "the first time"
    And Anna asks "   How do I reset the router?   "
    Then Anna gets an answer
    And the answer to Anna cost less than "the first time"
    And Anna is charged 2 questions
