Feature: Quota
  Every account may ask a number of questions a day and a number a month, counted in UTC. Nobody gets one more, however
  they ask; nobody pays for an answer that they did not get.

  Scenario: A new account has everything left
    Given Anna is signed in
    Then Anna has the whole day's questions left
    And Anna has the whole month's questions left
    And Anna has spent nothing

  @stores
  Scenario: An answered question is charged once, by day and by month
    Given Anna has the manual "router"
    When Anna asks the question router-01
    Then Anna gets an answer
    And the answer to Anna counts 1 question today
    And Anna is charged 1 question
    And Anna has used 1 question of the month

  @stores
  Scenario: The last question of a day is answered
    Given Anna asks until 1 question is left today
    When Anna asks "How do I reset it?"
    Then Anna gets an answer
    And Anna has 0 questions left today

  @stores
  Scenario: One question too many is refused and not charged
    Given Anna asks until 0 questions are left today
    When Anna asks "How do I reset it?"
    Then Anna is told to come back tomorrow
    And Anna has 0 questions left today

  @stores
  Scenario: Asking on after the refusal changes nothing
    Given Anna asks until 0 questions are left today
    When Anna asks 5 questions
    Then Anna is told to come back tomorrow
    And Anna has 0 questions left today

  @stores
  Scenario Outline: Whoever asks <asked> questions at once with <left> left gets exactly <left> answers
    Given Anna asks until <left> questions are left today
    When Anna asks <asked> questions at once
    Then exactly <left> of the questions of Anna are answered
    And Anna has 0 questions left today

    Examples:
      | left | asked |
      | 1    | 20    |
      | 2    | 12    |
      | 3    | 40    |
      | 0    | 10    |

  @stores
  Scenario: Fewer at once than are left are all answered
    Given Anna asks until 6 questions are left today
    When Anna asks 4 questions at once
    Then exactly 4 of the questions of Anna are answered
    And Anna has 2 questions left today

  @stores
  Scenario: Everybody has a quota of their own
    Given Anna asks until 0 questions are left today
    When Bert asks "How do I reset it?"
    Then Bert gets an answer
    And Bert is charged 1 question
    And Anna is refused because "the day's questions are used up" when asking "How do I reset it?"

  @stores
  Scenario: Looking at lists, usage and quota costs nothing
    Given Anna has the manual "router"
    When Anna lists the manuals
    And Anna calls once more
    Then Anna is charged 0 questions
    And Anna has the whole day's questions left

  @clock @stores
  Scenario: A new day begins at midnight UTC and not before
    Given it is 5 minutes before midnight
    And Anna asks until 0 questions are left today
    When 3 minutes pass
    And Anna asks "How do I reset it?"
    Then Anna is told to come back tomorrow
    When 3 minutes pass
    Then Anna has the whole day's questions left
    When Anna asks "How do I reset it?"
    Then Anna gets an answer
    And the answer to Anna counts 1 question today

  @clock @stores
  Scenario: Yesterday's questions stay on the month's account
    Given it is noon on day 10 of a month
    And Anna asks 2 questions
    When 1440 minutes pass
    Then Anna has the whole day's questions left
    And Anna has used 2 questions of the month

  @clock @slow
  Scenario: The month ends what the days would still allow
    Given it is noon on day 2 of a month
    And Anna asks until nothing is left of the month
    When Anna asks "How do I reset it?"
    Then Anna is told to come back next month

  @clock @slow
  Scenario: A new month begins with everything left
    Given it is 10 minutes before the next month
    And Anna asks until 5 questions are left today
    When 12 minutes pass
    Then Anna has the whole day's questions left
    And Anna has the whole month's questions left

  @clock @stores
  Scenario: A race over midnight charges each question on one day only
    Given it is 1 minute before midnight
    And Anna asks until 1 question is left today
    When 2 minutes pass
    And Anna asks 3 questions at once
    Then exactly 3 of the questions of Anna are answered
    And Anna sees 3 questions under today's date

  @clock
  Scenario: Who has used up the day and the month is told of the month
    Given it is noon on day 2 of a month
    And Anna asks until 4 questions are left today
    When 1440 minutes pass
    And Anna asks until 0 questions are left today
    And Anna asks "How do I reset it?"
    Then Anna is told to come back next month
