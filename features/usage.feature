Feature: Usage and cost
  Everybody sees what they have used and what it cost: to the question, to the day, and to the last digit of a cent.

  Scenario: A new account has used nothing
    Given Anna is signed in
    Then Anna sees 0 questions used today and 0 this month
    And Anna has spent nothing

  Scenario: Usage follows each answer
    When Anna asks "How do I reset it?"
    Then Anna sees 1 question used today and 1 this month
    When Anna asks "How do I switch it on?"
    Then Anna sees 2 questions used today and 2 this month
    And the answer to Anna counts 2 questions today
    And Anna sees 2 questions under today's date

  Scenario: A refused question leaves no trace in the usage
    When Anna asks "   "
    Then Anna is refused because "the question is empty"
    And Anna sees 0 questions used today and 0 this month
    And Anna has spent nothing

  Scenario: The cost of an answer is the sum of its parts
    Given Anna has the manual "router"
    When Anna asks the question router-01
    Then the cost of the answer to Anna adds up from its parts

  Scenario: The day's cost is the sum of its answers
    Given Anna has the manual "router"
    When Anna asks the question router-01
    And the cost of the answer to Anna is noted as "the first"
    And Anna asks the question router-02
    And the cost of the answer to Anna is noted as "the second"
    Then today's cost of Anna is "the first" and "the second" together

  @exact
  Scenario: A question with more to read costs more
    When Anna asks "How do I reset it?"
    And the cost of the answer to Anna is noted as "without a manual"
    Given Anna has the manual "router"
    When Anna asks the question router-01
    Then the answer to Anna cost more than "without a manual"

  # Answers are kept by each process of the backend: of several, as functions are, another one may be asked.
  @stores @server
  Scenario: The same question again costs less, and counts as another
    Given Anna has the manual "router"
    When Anna asks the question router-01
    And the cost of the answer to Anna is noted as "the first time"
    And Anna asks the question router-01
    Then the answer to Anna cost less than "the first time"
    And Anna is charged 2 questions

  Scenario: Nobody sees what somebody else has used
    When Anna asks "How do I reset it?"
    Then Bert sees 0 questions used today and 0 this month
    And Bert has spent nothing

  @clock
  Scenario: Usage by day keeps yesterday apart from today
    Given it is 5 minutes before midnight
    When Anna asks "How do I reset it?"
    And Anna asks "How do I switch it on?"
    And 10 minutes pass
    And Anna asks "How do I switch it off?"
    Then Anna sees 1 question under today's date
    And Anna sees 2 questions under yesterday's date

  @clock
  Scenario: The day and the month are counted apart
    Given it is noon on day 10 of a month
    And Anna asks 2 questions
    When 1440 minutes pass
    And Anna asks "How do I reset it?"
    Then Anna sees 1 question used today and 3 this month

  Scenario: What is heard is paid for
    Given Anna has the recording "router-01.wav"
    When Anna has the recording written down
    And the cost of the answer to Anna is noted as "the first"
    And Anna asks with the recording
    And the cost of the answer to Anna is noted as "the second"
    Then today's cost of Anna is "the first" and "the second" together
